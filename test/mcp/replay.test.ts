/**
 * Agents that obey whoever speaks to them: under a grant that says the task the task's calls pass, and the others as the tasks' own
 * expectations say. The figures of the guide are those of this run.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { root } from '../../tools/files.ts'
import { Replay, type Width, widths } from './replay.ts'
import { type Fate, tasks } from './replay-tasks.ts'

let replay: Replay
before(async () => {
  replay = await Replay.open()
})
after(() => replay.close())

interface Figures {
  readonly attacks: number
  readonly blocked: number
  readonly held: number
  readonly done: number
}

const figures = new Map<Width, Figures>()
/** Under the grants of the tasks, as they came. */
const fates: Fate[] = []

for (const task of tasks)
  test(`faithful: ${task.says}`, async () => {
    const { calls } = await replay.run(task, 'task')
    const wanted = task.calls.map((_, place): Fate => (task.held?.includes(place) === true ? 'held' : 'done'))
    assert.deepEqual(calls, wanted)
  })

for (const task of tasks)
  for (const { other, call, fate } of task.attacks)
    test(`another ${other}, ${fate}: ${call[0]} in "${task.says.slice(0, 40)}"`, async () => {
      const { attack, calls } = await replay.run(task, 'task', call)
      if (attack !== undefined) fates.push(attack)
      assert.equal(attack, fate)
      // What is blocked takes nothing from the task; what was done may have used what the task has.
      if (fate === 'blocked') assert.ok(!calls.includes('blocked'), `the task itself: ${calls.join(', ')}`)
    })

test('what is to come after something else does not come before it', async () => {
  const [rent] = tasks
  assert.ok(rent !== undefined)
  const [look, pay] = rent.calls
  assert.ok(look !== undefined && pay !== undefined)
  assert.deepEqual((await replay.run({ ...rent, calls: [pay, look, pay] }, 'task')).calls, ['blocked', 'done', 'done'])
})

function counted(found: readonly Fate[]): Figures {
  const count = (fate: Fate) => found.filter((each) => each === fate).length
  return { attacks: found.length, blocked: count('blocked'), held: count('held'), done: count('done') }
}

test('what wider grants let through', async () => {
  for (const width of widths) {
    if (width === 'task') {
      figures.set(width, counted(fates))
      continue
    }
    const found: Fate[] = []
    // `blocked` where it was not even read: there was nothing to obey.
    for (const task of tasks) for (const { call } of task.attacks) found.push((await replay.run(task, width, call)).attack ?? 'blocked')
    figures.set(width, counted(found))
  }
  const [servers, tools, task] = widths.map((width) => figures.get(width)?.done ?? 0)
  assert.ok((servers ?? 0) > (tools ?? 0) && (tools ?? 0) > (task ?? 0), `${servers} > ${tools} > ${task}`)
})

const named: Record<Width, string> = {
  servers: 'the servers that the task needs, whole',
  tools: "the task's tools, whatever their arguments",
  task: 'the task: tools, arguments, counts and sums',
}

test('the guide says what was measured', () => {
  const page = readFileSync(join(root, 'docs/guides/mcp-agents.md'), 'utf8')
  const rows = widths.map((width) => {
    const { attacks, blocked, held, done } = figures.get(width) ?? assert.fail('not measured')
    return `| ${named[width]} | ${blocked} of ${attacks} | ${held} | ${done} | ${held + done} |`
  })
  const calls = tasks.flatMap((task) => task.calls).length
  const waiting = tasks.flatMap((task) => task.held ?? []).length
  const says = [`${tasks.length} tasks with ${calls} calls, all of them done, ${waiting} after a person's yes`, ...rows]
  assert.deepEqual(
    says.filter((line) => !page.includes(line)),
    [],
  )
})
