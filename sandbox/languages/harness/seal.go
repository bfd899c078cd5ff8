package main

import (
	provenderOS "os"
	provenderTesting "testing"
	provenderDeps "testing/internal/testdeps"
)

// The first variable of the first file: it is set before any other code of the package runs.
var provenderSeal_SEAL = func() string {
	buffer := make([]byte, 32)
	provenderOS.Stdin.Read(buffer)
	provenderOS.Stdin.Close()
	return string(buffer)
}()
var provenderChannel_SEAL = provenderOS.NewFile(3, "channel")

func provenderTest_SEAL(name string, done *int, test func(*provenderTesting.T)) provenderTesting.InternalTest {
	return provenderTesting.InternalTest{Name: name, F: func(t *provenderTesting.T) {
		returned := false
		defer func() {
			word := " fail "
			if returned && !t.Failed() && !t.Skipped() {
				word = " pass "
				*done++
			}
			provenderChannel_SEAL.WriteString(provenderSeal_SEAL + word + name + "\n")
		}()
		test(t)
		returned = true
	}}
}

func main() {
	done := 0
	tests := []provenderTesting.InternalTest{
TESTS	}
	status := provenderTesting.MainStart(provenderDeps.TestDeps{}, tests, nil, nil, nil).Run()
	if status == 0 && done == len(tests) {
		provenderChannel_SEAL.WriteString(provenderSeal_SEAL + " end " + string(rune('0'+min_SEAL(done))) + "\n")
	}
	provenderOS.Exit(status)
}

func min_SEAL(count int) int {
	if count > 9 {
		return 9
	}
	return count
}
