/** Reads what the linter and the formatter report, and throws when it is not what they used to report. */

export interface LintReport {
  readonly number_of_files: number
  readonly diagnostics: readonly {
    readonly code: string
    readonly message: string
    readonly filename: string
    readonly labels: readonly { readonly span: { readonly line: number } }[]
  }[]
}

export interface FormatReport {
  readonly summary: { readonly changed: number; readonly unchanged: number }
  readonly diagnostics: readonly { readonly category: string; readonly message: string; readonly location?: { readonly path: string } }[]
}

export function parseLintReport(text: string): LintReport {
  const report = JSON.parse(text) as Partial<LintReport>
  if (typeof report.number_of_files !== 'number' || !Array.isArray(report.diagnostics))
    throw new Error('the linter reports in a way that is not known here')
  return report as LintReport
}

export function parseFormatReport(text: string): FormatReport {
  const report = JSON.parse(text) as Partial<FormatReport>
  if (typeof report.summary?.unchanged !== 'number' || !Array.isArray(report.diagnostics)) {
    throw new Error('the formatter reports in a way that is not known here')
  }
  return report as FormatReport
}
