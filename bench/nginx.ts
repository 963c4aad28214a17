/** Two nginx: the upstream that everybody reaches, and the reverse proxy that asks a decision service about every request. */
import { mkdir, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { type Cores, start } from './processes.ts'

/** What both have in common: one worker, connections that stay open, nothing written that was not asked for. */
function frame(folder: string, http: string): string {
  return `
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  ${http}
}
`
}

/** A small answer, as fast as nginx can give it, so that the upstream is nobody's bottleneck. Answers its origin. */
export async function startUpstream(folder: string, on: Cores): Promise<string> {
  const port = await freePort()
  const http = `
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / {
      default_type application/json;
      return 200 '{"id":"42","name":"a thing of the shop","count":7,"price":1299,"state":"for sale"}';
    }
  }`
  await startNginx(folder, frame(folder, http), { port, on })
  return `http://127.0.0.1:${port}`
}

/**
 * The usual set-up: `auth_request` to a local service over kept connections, the upstream's own credential put in, an access log in
 * nginx's default format. Answers its origin.
 */
export async function startGuardedProxy(
  folder: string,
  to: { readonly upstream: string; readonly decisions: string; readonly secret: string },
  on: Cores,
): Promise<string> {
  const port = await freePort()
  const http = `
  upstream shop { server ${to.upstream.slice('http://'.length)}; keepalive 64; keepalive_requests 1000000000; keepalive_timeout 1h; }
  upstream decisions { server ${to.decisions.slice('http://'.length)}; keepalive 64; keepalive_requests 1000000000; keepalive_timeout 1h; }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    access_log ${folder}/access.log combined;
    location / {
      auth_request /decide;
      proxy_pass http://shop;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer ${to.secret}";
    }
    location = /decide {
      internal;
      proxy_pass http://decisions/decide;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URI $request_uri;
    }
  }`
  await startNginx(folder, frame(folder, http), { port, on })
  return `http://127.0.0.1:${port}`
}

async function startNginx(
  folder: string,
  configuration: string,
  { port, on }: { readonly port: number; readonly on: Cores },
): Promise<void> {
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'nginx.conf')
  await writeFile(file, configuration)
  const child = start([nginxProgram(), '-e', 'stderr', '-p', folder, '-c', file], { on })
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`nginx ended with ${code}`)))
  })
  ended.catch(() => undefined)
  await Promise.race([untilListening(port), ended])
}

/** Debian keeps it where an ordinary user's PATH does not lead. */
function nginxProgram(): string {
  return (process.env['PATH'] ?? '').split(':').includes('/usr/sbin') ? 'nginx' : '/usr/sbin/nginx'
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('nginx does not listen')
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
