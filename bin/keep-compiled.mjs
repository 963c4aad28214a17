/** Keeps what Node has compiled of the program for its next start: a command is there in half the time where the source runs. */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Beside what it was compiled from, where nobody can write who could not as well change the program: the system's own place is anybody's.
// Where it cannot be written, Node goes on without. A place that the environment names comes before this one.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url)))
