/** Which of an answer's pieces somebody may hold on to: those that were told and not freed, however often another one was. */
import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import test from 'node:test'
import { AnswerParser } from './answer-parser.ts'
import { Call, type CallListener } from './upstream-call.ts'

const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const nothing = () => undefined

/** Hears an answer of two chunks in one go, and frees each as often as is said. */
function heldAfter(times: readonly [first: number, second: number]): number {
  let place = 0
  const listener: CallListener = {
    onData: () => {
      for (let count = 0; count < (times[place] ?? 0); count += 1) call.freed()
      place += 1
    },
    ...{ onHead: nothing, onInterim: nothing, onSwitch: nothing, onEnd: nothing },
    ...{ onReady: nothing, onPause: nothing, onDrain: nothing, onBroken: nothing },
  }
  const call = new Call(new Socket(), listener, new AnswerParser({ method: 'GET', headBytesMax: 1_000, listener }))
  call.freed()
  assert.equal(call.parser.push(Buffer.from(`${head}3\r\nour\r\n3\r\nown\r\n`)), 'more')
  assert.equal(place, 2)
  return call.heldPieces
}

for (const [times, held] of [
  [[1, 1], 0],
  [[1, 0], 1],
  [[0, 1], 1],
  [[2, 0], 1],
  [[0, 2], 1],
  [[0, 0], 2],
] as const)
  test(`of two pieces freed ${times[0]} and ${times[1]} times, ${held} are held`, () => assert.equal(heldAfter(times), held))
