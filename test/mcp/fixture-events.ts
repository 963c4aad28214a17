/** What streams of the fixture have sent, for clients that lost one and come back with `Last-Event-ID`. */
import type { EventStore, JSONRPCMessage } from '@modelcontextprotocol/server'

const eventsMax = 10_000

/** Of one session. Ids of events rise, and say the stream. */
export function keepEvents(): EventStore {
  const events: { readonly id: string; readonly stream: string; readonly message: JSONRPCMessage }[] = []
  return {
    storeEvent: (stream, message) => {
      if (events.length >= eventsMax) throw new Error('too many events of one session')
      const id = `${events.length}.${stream}`
      events.push({ id, stream, message })
      return Promise.resolve(id)
    },
    replayEventsAfter: async (last, { send }) => {
      const at = events.findIndex(({ id }) => id === last)
      const stream = events[at]?.stream
      if (stream === undefined) throw new Error('no such event')
      // What stands first on a stream has no message: it is there to be come back to.
      for (const event of events.slice(at + 1))
        if (event.stream === stream && Object.keys(event.message).length > 0) await send(event.id, event.message)
      return stream
    },
  }
}
