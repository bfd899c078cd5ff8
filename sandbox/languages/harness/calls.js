// Calls one function of a program and writes what it returns, as data; what was expected is not known here.
'use strict';
const fs = require('fs');
const vm = require('vm');
const path = require('path');
const Module = require('module');
const given = JSON.parse(fs.readFileSync(0, 'utf8'));
fs.closeSync(0);
fs.openSync('/dev/null', 'r');
const write = fs.writeSync;
const { entryPoint, calls, name, module: isModule } = given;

class Odd extends Error {}

function encode(value, depth) {
  if (depth > 100) throw new Odd('nested too deep');
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return ['f', String(value)];
    return value;
  }
  if (typeof value === 'bigint') return ['i', (value < 0n ? '-' : '') + '0x' + (value < 0n ? -value : value).toString(16)];
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return ['l', ...Array.from(value, (item) => encode(item, depth + 1))];
  if (value instanceof Map) {
    return ['d', ...Array.from(value).flatMap(([key, item]) => [encode(key, depth + 1), encode(item, depth + 1)])];
  }
  if (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    return ['d', ...Object.entries(value).flatMap(([key, item]) => [key, encode(item, depth + 1)])];
  }
  throw new Odd(typeof value === 'object' ? value.constructor && value.constructor.name : typeof value);
}

function say(answer) {
  write(3, JSON.stringify(answer) + '\n');
}

async function answer(target, values) {
  try {
    say(['value', encode(await target(...values), 0)]);
  } catch (problem) {
    if (problem instanceof Odd) say(['odd', problem.message]);
    else say(['raised', String((problem && problem.name) || typeof problem), String((problem && problem.message) || problem)]);
  }
}

async function load() {
  const file = path.resolve(name);
  process.argv = [process.argv[0], file];
  if (isModule) return import(file);
  const module = new Module(file, null);
  module.filename = file;
  Object.assign(globalThis, {
    require: Module.createRequire(file), module, exports: module.exports, __filename: file, __dirname: path.dirname(file),
  });
  new vm.Script(fs.readFileSync(name, 'utf8'), { filename: name }).runInThisContext();
  return module.exports;
}

(async () => {
  const exported = await load();
  let target;
  for (const part of entryPoint.split('.')) {
    if (target === undefined) {
      target = exported && Object.hasOwn(exported, part) ? exported[part] : undefined;
      if (target === undefined) {
        try {
          target = vm.runInThisContext(part);
        } catch (problem) {
          target = undefined;
        }
      }
    } else {
      const owner = typeof target === 'function' && target.prototype && !(part in target) ? new target() : target;
      target = owner[part].bind(owner);
    }
  }
  for (const values of calls) {
    if (typeof target !== 'function') say(['raised', 'TypeError', entryPoint + ' is not a function']);
    else await answer(target, values);
  }
})();
