/** Applications that the conformance tests ask: the certification scenario's fixture, the interop's Todo scenario, and one for what is ours. */

/** As `remit.yaml` is sent once its files are read. */
export interface ApplicationDocument {
  readonly name: string
  readonly callers: string
  readonly schema: { readonly name: string; readonly text: string }
  readonly policyFiles: readonly { readonly name: string; readonly text: string }[]
  readonly entities: readonly object[]
}

/** Entities go over as the text of their file. */
export function written({ entities, ...document }: ApplicationDocument): object {
  return { ...document, entities: { name: `${document.name}.json`, text: JSON.stringify(entities) } }
}

const entity = (type: string, id: string, attrs: object = {}, parents: readonly object[] = []) => ({ uid: { type, id }, attrs, parents })

/** AuthZEN Authorization API 1.0, certification scenario, section 3: subjects, resources, and the eight rules. */
export const certification: ApplicationDocument = {
  name: 'certification',
  callers: 'role:pdp-clients',
  schema: {
    name: 'certification.cedarschema',
    text: `
entity user { role?: String };
entity record { status?: String };
action read, write appliesTo { principal: [user], resource: [record] };
action delete appliesTo { principal: [user], resource: [record], context: { action?: { soft?: Bool } } };
`,
  },
  policyFiles: [
    {
      name: 'certification.cedar',
      text: `
@id("users-read") permit (principal is user, action == Action::"read", resource)
when { principal == user::"alice" || principal == user::"bob" };

@id("alice-writes-what-is-not-archived") permit (principal == user::"alice", action == Action::"write", resource)
unless { resource has status && resource.status == "archived" };

@id("admins-write-the-archive") permit (principal, action == Action::"write", resource)
when { principal has role && principal.role == "admin" && resource has status && resource.status == "archived" };

@id("alice-deletes-softly") permit (principal == user::"alice", action == Action::"delete", resource)
when { context has action && context.action has soft && context.action.soft };
`,
    },
  ],
  entities: [
    entity('user', 'alice'),
    entity('user', 'bob', { role: 'admin' }),
    entity('record', 'record-1', { status: 'active' }),
    entity('record', 'record-2', { status: 'archived' }),
  ],
}

const role = (id: string) => ({ type: 'role', id })

/** The five of the interop's Todo scenario: subject identifier, email, roles. */
export const citizens = {
  rick: {
    id: 'CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs',
    email: 'rick@the-citadel.com',
    roles: ['admin', 'evil_genius'],
  },
  morty: { id: 'CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs', email: 'morty@the-citadel.com', roles: ['editor'] },
  summer: { id: 'CiRmZDI2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs', email: 'summer@the-smiths.com', roles: ['editor'] },
  beth: { id: 'CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs', email: 'beth@the-smiths.com', roles: ['viewer'] },
  jerry: { id: 'CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs', email: 'jerry@the-smiths.com', roles: ['viewer'] },
} as const

export const todo: ApplicationDocument = {
  name: 'todo',
  callers: 'role:pdp-clients',
  schema: {
    name: 'todo.cedarschema',
    text: `
entity role;
entity user in [role] { email: String };
entity todo { ownerID: String };
action can_read_user appliesTo { principal: [user], resource: [user] };
action can_read_todos, can_create_todo, can_update_todo, can_delete_todo appliesTo { principal: [user], resource: [todo] };
`,
  },
  policyFiles: [
    {
      name: 'todo.cedar',
      text: `
@id("everybody-sees-everybody") permit (principal, action == Action::"can_read_user", resource);
@id("everybody-sees-the-list") permit (principal, action == Action::"can_read_todos", resource);

@id("editors-and-admins-create") permit (principal, action == Action::"can_create_todo", resource)
when { principal in role::"editor" || principal in role::"admin" };

@id("editors-keep-their-own")
permit (principal in role::"editor", action in [Action::"can_update_todo", Action::"can_delete_todo"], resource)
when { resource.ownerID == principal.email };

@id("evil-geniuses-update-any") permit (principal in role::"evil_genius", action == Action::"can_update_todo", resource);
@id("admins-delete-any") permit (principal in role::"admin", action == Action::"can_delete_todo", resource);
`,
    },
  ],
  entities: [
    ...['viewer', 'editor', 'admin', 'evil_genius'].map((id) => entity('role', id)),
    ...Object.values(citizens).map(({ id, email, roles }) => entity('user', id, { email }, roles.map(role))),
  ],
}

/** Ours: obligations, forbids that fail, numbers at the edge, namespaces, and enough entities for several pages. */
export const files: ApplicationDocument = {
  name: 'files',
  callers: 'identity:bot',
  schema: {
    name: 'files.cedarschema',
    text: `
namespace Files {
  entity Team;
  entity Person in [Team] { level: Long };
  entity Folder { sensitive: Bool, size: Long };
  entity Printer;
  action view, edit appliesTo { principal: [Person], resource: [Folder], context: { purpose?: String, amount?: Long, nested?: { deep?: String } } };
  action print appliesTo { principal: [Person], resource: [Printer] };
}
`,
  },
  policyFiles: [
    {
      name: 'files.cedar',
      text: `
@id("the-team-views") permit (principal in Files::Team::"core", action == Files::Action::"view", resource);

@id("sensitive-is-watermarked") @obligation("watermark with the viewer's name")
permit (principal, action == Files::Action::"view", resource) when { resource.sensitive && principal.level >= 3 };

@id("editing-is-told") @obligation("{\\"type\\":\\"notification\\",\\"to\\":\\"owners@files.example\\",\\"body\\":\\"a folder was edited\\"}")
permit (principal, action == Files::Action::"edit", resource) when { principal.level >= 5 };

@id("never-for-training") @obligation("tell security")
forbid (principal, action, resource is Files::Folder) when { context has purpose && context.purpose == "training" };

@id("no-overflow") forbid (principal, action == Files::Action::"edit", resource)
when { context has amount && context.amount * 2 < 0 };
`,
    },
  ],
  entities: [
    entity('Files::Team', 'core'),
    entity('Files::Person', 'ada', { level: 5 }, [{ type: 'Files::Team', id: 'core' }]),
    entity('Files::Person', 'bob', { level: 1 }, [{ type: 'Files::Team', id: 'core' }]),
    entity('Files::Person', 'cy', { level: 3 }),
    ...Array.from({ length: 25 }, (_, n) => entity('Files::Folder', `f${String(n).padStart(2, '0')}`, { sensitive: n % 2 === 0, size: n })),
    entity('Files::Printer', 'p1'),
  ],
}
