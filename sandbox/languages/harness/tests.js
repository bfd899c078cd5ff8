// Runs a program, then its tests, in one process. Read before the program runs, and held where it cannot reach: the
// seal, the tests, and every function that is needed afterwards.
'use strict';
const fs = require('fs');
const vm = require('vm');
const path = require('path');
const Module = require('module');
const pristineAssert = require('assert');
const { readFileSync, writeSync, closeSync, openSync, unlinkSync } = fs;
const { compileFunction, Script } = vm;
const given = JSON.parse(readFileSync(0, 'utf8'));
closeSync(0);
openSync('/dev/null', 'r');

(function () {
  const { seal, program, name } = given;
  let tests = given.tests;
  if (given.testsFile) {
    tests = readFileSync(given.testsFile, 'utf8');
    unlinkSync(given.testsFile);
  }
  delete given.seal;
  delete given.tests;

  // States by site, in arrays without a prototype's setters in the way.
  const count = given.sites;
  const held = new Uint8Array(count + 1);
  const failed = new Uint8Array(count + 1);
  let reached = 0;
  let finished = false;
  const error = console.error.bind(console);
  const leave = process.reallyExit.bind(process);
  const freeze = Object.freeze;
  const reapply = Reflect.apply;

  function settle(site, holds) {
    const at = typeof site === 'number' && site >= 0 && site < count ? site : count;
    reached += 1;
    if (holds) held[at] = 1;
    else failed[at] = 1;
  }

  // A failed console.assert fails the tests. They say `console.assert.call(site, ...)`, and that `call` is ours, too.
  function judge(site, condition, message) {
    settle(site, !!condition);
    if (!condition) error('Assertion failed', ...message);
  }
  const assert = (condition, ...message) => judge(count, condition, message);
  Object.defineProperty(assert, 'call', { value: (site, condition, ...message) => judge(site, condition, message) });
  const own = {};
  for (const key of Object.keys(console)) own[key] = console[key];
  own.assert = assert;
  freeze(own);
  freeze(assert);

  // The assert module as it was before the program ran; its failures count even where somebody catches them.
  function watched(original) {
    const copy = function (...values) {
      try {
        const result = new.target ? Reflect.construct(original, values) : reapply(original, this, values);
        settle(count, true);
        return result;
      } catch (problem) {
        settle(count, false);
        throw problem;
      }
    };
    return copy;
  }
  function copyOf(original) {
    const copy = watched(original);
    for (const key of Object.keys(original)) {
      const value = original[key];
      copy[key] = typeof value === 'function' && key !== 'AssertionError' ? watched(value) : value;
    }
    return copy;
  }
  const loose = copyOf(pristineAssert);
  const strict = copyOf(pristineAssert.strict);
  loose.strict = strict.strict = strict;
  freeze(loose);
  freeze(strict);
  const plainRequire = Module.createRequire(path.resolve(name));
  function requireForTests(wanted) {
    if (wanted === 'assert' || wanted === 'node:assert') return loose;
    if (wanted === 'assert/strict' || wanted === 'node:assert/strict') return strict;
    return plainRequire(wanted);
  }

  const on = process.on.bind(process);
  on('exit', (code) => {
    if (!finished || code !== 0) return;
    let failures = 0;
    for (let site = 0; site <= count; site += 1) {
      if (failed[site]) {
        failures += 1;
        writeSync(3, seal + ' fail ' + site + '\n');
      } else if (held[site]) {
        writeSync(3, seal + ' pass ' + site + '\n');
      }
    }
    if (failures) return leave(1);
    writeSync(3, seal + ' end ' + reached + '\n');
  });
  on('unhandledRejection', (reason) => {
    error(reason);
    leave(1);
  });

  function runTests() {
    if (given.whole) {
      finished = true;
      return;
    }
    const body = compileFunction(tests, ['console', 'require'], { filename: 'tests.js' });
    reapply(body, globalThis, [own, requireForTests]);
    finished = true;
  }

  process.argv = [process.argv[0], path.resolve(name)];
  if (given.whole) Object.defineProperty(globalThis, 'console', { value: own }); // the tests stand in the program's file
  if (given.module) {
    import(path.resolve(name)).then(() => { finished = true; });
    return;
  }
  const module = new Module(path.resolve(name), null);
  module.filename = path.resolve(name);
  module.paths = [];
  Object.assign(globalThis, {
    require: given.whole ? requireForTests : plainRequire, module, exports: module.exports,
    __filename: module.filename, __dirname: path.dirname(module.filename),
  });
  new Script(program === undefined ? readFileSync(name, 'utf8') : program, { filename: name }).runInThisContext();
  runTests();
})();
