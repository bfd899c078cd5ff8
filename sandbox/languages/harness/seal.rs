
mod provender_seal {
    extern crate test;
    use std::io::{Read, Write};
    use std::os::unix::io::FromRawFd;
    use std::panic::{catch_unwind, AssertUnwindSafe};

    // What a test function returns differs by the version of the library.
    trait Outcome {
        fn good(self) -> bool;
    }
    impl Outcome for () {
        fn good(self) -> bool {
            true
        }
    }
    impl Outcome for Result<(), String> {
        fn good(self) -> bool {
            self.is_ok()
        }
    }

    // The first code that runs: the seal is a local variable from here to the end.
    pub fn run(tests: &[&test::TestDescAndFn]) {
        let mut seal = String::new();
        let mut input = unsafe { std::fs::File::from_raw_fd(0) };
        let _ = input.read_to_string(&mut seal);
        drop(input);
        let mut channel = unsafe { std::fs::File::from_raw_fd(3) };
        let (mut passed, mut failed) = (0, 0);
        for each in tests {
            let name = each.desc.name.to_string().replace(' ', "_");
            let name = name.rsplit("::").next().unwrap_or("").to_string();
            if each.desc.ignore {
                continue;
            }
            let body = match each.testfn {
                test::TestFn::StaticTestFn(body) => body,
                _ => continue,
            };
            let result = catch_unwind(AssertUnwindSafe(|| body().good()));
            let wanted = matches!(each.desc.should_panic, test::ShouldPanic::No);
            let good = match result {
                Ok(returned) => returned && wanted,
                Err(_) => !wanted,
            };
            if good {
                passed += 1;
            } else {
                failed += 1;
            }
            let _ = channel.write_all(format!("{} {} {}\n", seal, if good { "pass" } else { "fail" }, name).as_bytes());
        }
        if failed > 0 {
            std::process::exit(101);
        }
        let _ = channel.write_all(format!("{} end {}\n", seal, passed).as_bytes());
    }
}
