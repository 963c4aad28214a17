/** A real nginx for as long as a test takes. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lifetime } from '../wire/upstreams.ts'
import type { OwnAddress } from './own-address.ts'

/** Runs a program until its standard input ends, as it does when a test is killed: nginx itself would stay behind. */
const untilEnd = 'exec 3<&0; "$0" "$@" & pid=$!; { read -r _ <&3; kill $pid; } 2>/dev/null & wait $pid'

/** Starts it with what stands in `http { … }`, listening at the address. Rejects where it does not start: Debian's package must be there. */
export async function startNginx(test: Lifetime, http: string, address: OwnAddress): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'remit-nginx-'))
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, whole(folder, http))
  let said = ''
  const program = ['-e', 'stderr', '-p', folder, '-c', file]
  const child = spawn('sh', ['-c', untilEnd, nginxProgram(), ...program], { stdio: ['pipe', 'ignore', 'pipe'] })
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = new Promise<'ended'>((resolve) => {
    child.once('error', (error) => {
      said += error.message
      resolve('ended')
    })
    child.once('exit', () => resolve('ended'))
  })
  test.after(async () => {
    child.stdin.end()
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  if ((await Promise.race([untilListening(address), ended])) === 'listens') return
  throw new Error(`nginx does not start: run npm test, or apt-get install nginx\n${said}`)
}

function whole(folder: string, http: string): string {
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
${http}
}
`
}

/** Debian keeps it where an ordinary user's PATH does not lead. */
function nginxProgram(): string {
  return (process.env['PATH'] ?? '').split(':').includes('/usr/sbin') ? 'nginx' : '/usr/sbin/nginx'
}

async function untilListening(address: OwnAddress): Promise<'listens' | 'silent'> {
  const until = performance.now() + 60_000
  while (performance.now() < until) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(address)
      socket.once('error', () => resolve(false))
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
    })
    if (isOpen) return 'listens'
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return 'silent'
}
