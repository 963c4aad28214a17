/** A query's list of states, such as `pending,active`. */
import { z } from 'zod'

/** The states of a life, one or several with commas between them. */
export function stateList<S extends string>(life: Readonly<Record<S, unknown>>) {
  return z.string().transform((text, context): S[] => {
    const states: S[] = []
    for (const part of text.split(',')) {
      if (isState(life, part)) states.push(part)
      else context.addIssue({ code: 'custom', message: `states are ${Object.keys(life).join(', ')}` })
    }
    return states
  })
}

export function isState<S extends string>(life: Readonly<Record<S, unknown>>, text: string): text is S {
  return Object.hasOwn(life, text)
}
