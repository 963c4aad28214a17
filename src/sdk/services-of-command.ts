/** Which services are MCP servers that their gateways start by a given command. */
import { commandDigest } from '../wire/command-digest.ts'
import type { ServiceView } from '../wire/services.ts'

/** Those whose gateway starts exactly this program with these arguments. */
export function servicesOfCommand(services: readonly ServiceView[], words: readonly string[]): readonly ServiceView[] {
  const digest = commandDigest(words)
  return services.filter((each) => each.commandDigest === digest)
}
