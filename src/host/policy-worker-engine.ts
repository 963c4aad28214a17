/** Sets the engine of the checker's process up, before Cedar's module is loaded. */
import { setFlagsFromString } from 'node:v8'

// A check of a few policies ends before what V8 compiles anew for speed, on every core, could help it: half of its work was for nothing.
// One of thousands is as quick as before. Set here rather than on the command line: a Node that no longer knows it would not start at all.
setFlagsFromString('--wasm-tiering-budget=300000000')
