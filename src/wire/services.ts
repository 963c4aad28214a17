/** Services and their operations as callers see them. */

export interface RouteView {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly effect: string
  readonly tier: number
  readonly arguments: readonly {
    readonly name: string
    readonly in: 'path' | 'query' | 'body'
    readonly type: string
    readonly required: boolean
  }[]
}

export interface ServiceView {
  readonly name: string
  readonly environment: string
  readonly labels: readonly string[]
  /** Of its gateway; absent while none listens. */
  readonly url?: string
  readonly routes: readonly RouteView[]
}

export interface ServiceList {
  readonly services: readonly ServiceView[]
}
