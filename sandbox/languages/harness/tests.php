<?php
// Runs a program, then its tests. The seal and the tests live in the locals of a function that only PHP itself calls.
(static function (): void {
    [$seal, $hook, $tests] = explode("\n", stream_get_contents(STDIN), 3);
    fclose(STDIN);
    $channel = fopen('php://fd/3', 'w');
    $state = new class {
        public array $held = [];
        public array $failed = [];
        public bool $finished = false;
    };
    // What the tests' assert() became: it cannot be switched off, and a failure counts even where somebody catches it.
    $check = static function (int $site, $holds, $message = null) use ($state): bool {
        if ($holds) {
            $state->held[$site] = true;
            return true;
        }
        $state->failed[$site] = true;
        throw $message instanceof \Throwable ? $message : new \AssertionError((string) ($message ?? 'assert failed'));
    };
    register_shutdown_function(static function () use ($seal, $hook, $tests, $channel, $state, $check): void {
        if (error_get_last() !== null && in_array(error_get_last()['type'], [E_ERROR, E_PARSE, E_COMPILE_ERROR], true)) {
            return; // the program itself could not be loaded
        }
        // A function, because no program can put another in its place; its first call tells it what to do.
        eval("function $hook(\$a, \$b = null, \$c = null) {
            static \$check = null;
            if (\$check === null) { \$check = \$a; return true; }
            return \$check(\$a, \$b, \$c);
        }");
        $hook($check);
        $broken = false; // an exception ends the tests; what was asserted before it is reported all the same
        try {
            (static function ($__tests): void {
                foreach (array_keys($GLOBALS) as $__name) {
                    $$__name = &$GLOBALS[$__name];
                }
                unset($__name);
                eval('?>' . $__tests);
            })($tests);
        } catch (\Throwable $problem) {
            $broken = true;
            fwrite(fopen('php://stderr', 'w'), 'PHP Fatal error:  Uncaught ' . $problem . "\n");
        }
        $reached = 0;
        foreach ($state->held as $site => $_) {
            $reached += 1;
            if (!isset($state->failed[$site])) {
                fwrite($channel, "$seal pass $site\n");
            }
        }
        foreach ($state->failed as $site => $_) {
            $reached += 1;
            fwrite($channel, "$seal fail $site\n");
        }
        if ($state->failed || $broken) {
            exit(1);
        }
        fwrite($channel, "$seal end $reached\n");
    });
})();
include getcwd() . '/solution.php';
