/** What is used of WebAssembly: the types of the platform that has it, and of Node, do not name it. */
declare namespace WebAssembly {
  const Module: new (bytes: Uint8Array) => object
  class Memory {
    readonly buffer: ArrayBuffer
  }
  class Instance {
    constructor(module: object)
    readonly exports: Readonly<Record<string, Memory | ((...numbers: readonly number[]) => number)>>
  }
}
