/** The page of laws: every test that it names is there. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const rows = readFileSync(`${root}docs/reference/laws.md`, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && line.includes('.test.ts'))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))

test('every law and every settled detail names tests that exist', () => {
  let named = 0
  for (const [law = '', held = '', broken = ''] of rows) {
    assert.notEqual(broken, '', `${law}: how was it seen failing?`)
    // A file, and the names in quotes that follow it.
    for (const [, file = '', names = ''] of held.matchAll(/`([^`]+\.test\.ts)`([^`]*)/g)) {
      assert.ok(existsSync(`${root}${file}`), `${law}: ${file}`)
      const text = readFileSync(`${root}${file}`, 'utf8')
      const quoted = [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name)
      assert.notEqual(quoted.length, 0, `${law}: which test of ${file}?`)
      for (const name of quoted) assert.ok(text.includes(name), `${law}: "${name}" is not in ${file}`)
      named += quoted.length
    }
  }
  assert.ok(rows.length > 50 && named > 55, `${rows.length} rows, ${named} tests`)
  for (let law = 1; law <= 12; law += 1)
    assert.ok(
      rows.some(([name = '']) => name.startsWith(`${law}. `)),
      `law ${law}`,
    )
})
