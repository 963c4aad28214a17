/** The port to Cedar's own parser and validator, which run in a process that may be killed. */
import type { JsonObject } from '../kernel/json.ts'
import type { SourceProblem } from '../kernel/source-problems.ts'
import type { ApplicationPolicy, TemplateLink } from '../model/applications.ts'
import type { ParsedPolicy, PolicyFile } from '../model/policies.ts'

export interface Problems {
  readonly problems: readonly SourceProblem[]
}

/** What an application brings that Cedar's own validator looks at. */
export interface ApplicationTexts {
  readonly schema: PolicyFile
  readonly files: readonly PolicyFile[]
  readonly links: readonly TemplateLink[]
  /** The file of the links, for problems with one of them. */
  readonly linksName: string
}

export interface CheckedApplication {
  /** Cedar's JSON form of the schema, every type name resolved. */
  readonly schema: JsonObject
  readonly policies: readonly ApplicationPolicy[]
}

export interface PolicyChecker {
  /** Remit's own policies against the schema that Remit generates. */
  check(files: readonly PolicyFile[], schema: string): Promise<{ readonly policies: readonly ParsedPolicy[] } | Problems>
  /** An application's policies, templates and links against its own schema, and nothing else. */
  checkApplication(texts: ApplicationTexts): Promise<CheckedApplication | Problems>
}
