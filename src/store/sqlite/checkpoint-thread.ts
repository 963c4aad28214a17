/** The thread in which the write-ahead log is copied back into the file, as much of it as nobody reads any more. */
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'

const path: unknown = workerData
if (parentPort === null || typeof path !== 'string') throw new Error('this file is the entry of a thread')
const port = parentPort
const database = new DatabaseSync(path)
// The log is synced before pages are copied, and the file before the log is begun anew.
database.exec('pragma synchronous = full')

port.on('message', (asked) => {
  if (asked === 'end') {
    database.close()
    port.close()
    return
  }
  database.exec('pragma wal_checkpoint(passive)')
  port.postMessage('done', [])
})
