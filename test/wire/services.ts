/** Services and routes for the wire tests, written short. */
import type { ArgumentRule, ArgumentType, Route, Service } from '../../src/model/services.ts'

const impact = { data: 'low', service: 'low', safety: 'none' } as const

/** A route whose path parameters are strings, unless `rules` says otherwise: `'body.count': 'long'`, `'query.tag?': 'strings'`. */
export function route(name: string, method: string, path: string, rules: Readonly<Record<string, ArgumentType>> = {}): Route {
  const written = Object.entries(rules).map(([key, type]): ArgumentRule => {
    const [, place, argument = '', optional] = /^(path|query|body)\.(.*?)(\??)$/.exec(key) ?? []
    if (place !== 'path' && place !== 'query' && place !== 'body') throw new Error(`${key} does not say where`)
    return { name: argument, in: place, type, required: optional !== '?' }
  })
  const inPath = [...path.matchAll(/\{([^}*]+)\*?\}/g)].map(
    ([, parameter = '']): ArgumentRule => ({ name: parameter, in: 'path', type: 'string', required: true }),
  )
  const implied = inPath.filter((rule) => !written.some((other) => other.name === rule.name))
  return { name, method, path, effect: method === 'GET' ? 'read' : 'write', impact, tier: 0, arguments: [...implied, ...written] }
}

/** A service in front of an upstream that wants the credential in `header`. */
export function service(id: string, upstream: string, routes: readonly Route[], { header = 'Authorization', port = 0 } = {}): Service {
  const credential = { header, prefix: header === 'Authorization' ? 'Bearer ' : '', sealed: '' }
  return { id, space: 'main', protocol: 'http', upstream, port, environment: 'test', impact, labels: [], credential, routes }
}
