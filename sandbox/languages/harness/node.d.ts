// What programs use of Node.js without importing types: untyped, so that nothing is refused for its sake. One name a
// line, because a name that the program declares itself is left out.
declare var require: any;
declare var module: any;
declare var exports: any;
declare var process: any;
declare var Buffer: any;
declare var global: any;
declare var __filename: string;
declare var __dirname: string;
declare var console: any;
declare var performance: any;
declare var crypto: any;
declare function setTimeout(handler: (...values: any[]) => void, delay?: number, ...values: any[]): any;
declare function setInterval(handler: (...values: any[]) => void, delay?: number, ...values: any[]): any;
declare function setImmediate(handler: (...values: any[]) => void, ...values: any[]): any;
declare function clearTimeout(timer?: any): void;
declare function clearInterval(timer?: any): void;
declare function clearImmediate(timer?: any): void;
declare function queueMicrotask(handler: () => void): void;
declare function structuredClone<T>(value: T): T;
declare class URL { constructor(url: string, base?: string); [key: string]: any; }
declare class URLSearchParams { constructor(init?: any); [key: string]: any; }
declare class TextEncoder { constructor(...values: any[]); [key: string]: any; }
declare class TextDecoder { constructor(...values: any[]); [key: string]: any; }
declare class AbortController { constructor(); [key: string]: any; }
declare namespace NodeJS { type Timeout = any; type Timer = any; type ErrnoException = any; }
declare module 'assert' { const assert: any; export = assert; }
declare module 'node:assert' { const assert: any; export = assert; }
declare module 'fs' { const fs: any; export = fs; }
declare module 'node:fs' { const fs: any; export = fs; }
declare module 'readline' { const readline: any; export = readline; }
declare module 'node:readline' { const readline: any; export = readline; }
declare module 'util' { const util: any; export = util; }
declare module 'crypto' { const crypto: any; export = crypto; }
declare module 'node:crypto' { const crypto: any; export = crypto; }
declare module 'path' { const path: any; export = path; }
declare module 'events' { const events: any; export = events; }
declare module 'perf_hooks' { const hooks: any; export = hooks; }
