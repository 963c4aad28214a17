/** Compiles src to dist, with what else it needs at run time, beside the old one and then in its place; starts it once to see that it runs. */
import { chmodSync, copyFileSync, existsSync, globSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './files.ts'
import { runProgram, runTool } from './programs.ts'

/** The build went wrong in a way that its message explains. */
class BuildError extends Error {}

const entry = 'main/remit.js'
const fresh = join(root, `dist.${process.pid}`)
const target = join(root, 'dist')

try {
  await build()
} catch (error) {
  if (!(error instanceof BuildError)) throw error
  console.error(`build failed: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(fresh, { recursive: true, force: true })
}

async function build() {
  const compiled = await runTool('tsc', ['-p', 'tsconfig.build.json', '--outDir', fresh, '--pretty', 'false'])
  if (compiled.code !== 0) throw new BuildError(`types\n${compiled.out}${compiled.err}`)
  const assets = globSync('**/*.*', { cwd: join(root, 'src') }).filter(
    (path) => !/\.tsx?$/.test(path) && statSync(join(root, 'src', path)).isFile(),
  )
  for (const path of assets) {
    mkdirSync(dirname(join(fresh, path)), { recursive: true })
    copyFileSync(join(root, 'src', path), join(fresh, path))
  }
  if (!existsSync(join(fresh, entry))) throw new BuildError(`there is no src/${entry.replace('.js', '.ts')} to start`)
  chmodSync(join(fresh, entry), 0o755)
  const started = await runProgram(process.execPath, ['--disable-warning=ExperimentalWarning', join(fresh, entry), '--help'])
  if (started.code !== 0) throw new BuildError(`what was built does not start (${started.code})\n${started.err}`)
  const old = `${fresh}.old`
  if (existsSync(target)) renameSync(target, old)
  renameSync(fresh, target)
  rmSync(old, { recursive: true, force: true })
  const files = globSync('**/*.*', { cwd: target }).filter((path) => statSync(join(target, path)).isFile())
  const bytes = files.reduce((sum, path) => sum + statSync(join(target, path)).size, 0)
  console.log(`built dist: ${files.length} files, ${assets.length} of them not code, ${(bytes / 1024).toFixed(0)} KiB`)
}
