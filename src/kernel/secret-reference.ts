/** The name of a secret that is kept elsewhere, as it stands in a configuration: where it is looked up when it is needed. */

export type SecretReference =
  | { readonly kind: 'vault'; readonly mount: string; readonly path: string; readonly field: string }
  | { readonly kind: 'server-env'; readonly name: string }
  | { readonly kind: 'server-file'; readonly path: string }

/** What a reference looks like, for whoever wrote one wrong. */
export const secretReferenceForms = 'vault:MOUNT/PATH#FIELD, server-file:/PATH or server-env:NAME'

const lengthMax = 1_024
/** Nothing that a URL, a folder or a shell reads in a second way. */
const segment = /^[A-Za-z0-9_-][A-Za-z0-9._@+=-]{0,127}$/
const fileSegment = /^(?!\.{1,2}$)[A-Za-z0-9._@+=-]{1,128}$/
const variable = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/

/** `undefined` for what is no reference. The text is canonical: one secret in one place has one name. */
export function readSecretReference(text: string): SecretReference | undefined {
  if (text.length > lengthMax) return undefined
  const at = text.indexOf(':')
  const rest = text.slice(at + 1)
  switch (text.slice(0, Math.max(0, at))) {
    case 'vault':
      return readVault(rest)
    case 'server-env':
      return variable.test(rest) ? { kind: 'server-env', name: rest } : undefined
    case 'server-file':
      return readFilePath(rest)
    default:
      return undefined
  }
}

/** The mount is the first segment; mounts with a slash in their name are not reached. */
function readVault(text: string): SecretReference | undefined {
  const [where = '', field = '', ...more] = text.split('#')
  const [mount = '', ...path] = where.split('/')
  const isWhole = more.length === 0 && path.length > 0 && [mount, ...path, field].every((each) => segment.test(each))
  return isWhole ? { kind: 'vault', mount, path: path.join('/'), field } : undefined
}

function readFilePath(path: string): SecretReference | undefined {
  const [root, ...segments] = path.split('/')
  const isWhole = root === '' && segments.length > 0 && segments.every((each) => fileSegment.test(each))
  return isWhole ? { kind: 'server-file', path } : undefined
}
