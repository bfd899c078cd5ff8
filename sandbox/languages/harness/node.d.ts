// What programs use of Node.js without importing types: untyped, so that nothing is refused for its sake.
declare var require: any;
declare var module: any;
declare var exports: any;
declare var process: any;
declare var Buffer: any;
declare var global: any;
declare var __filename: string;
declare var __dirname: string;
declare namespace NodeJS { type Timeout = any; type ErrnoException = any; }
declare module 'assert' { const assert: any; export = assert; }
declare module 'node:assert' { const assert: any; export = assert; }
declare module 'fs' { const fs: any; export = fs; }
declare module 'node:fs' { const fs: any; export = fs; }
declare module 'readline' { const readline: any; export = readline; }
declare module 'util' { const util: any; export = util; }
declare module 'crypto' { const crypto: any; export = crypto; }
declare module 'path' { const path: any; export = path; }
declare module 'events' { const events: any; export = events; }
