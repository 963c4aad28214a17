/** The tables of the first step of the schema in PostgreSQL: one per kind of record, as in SQLite, in the words of this database. */

// Written out and not built from the lists in the model: a database keeps the rules it was made with. Columns are generated from the
// document, so that the two can never disagree. Ids and names are compared by their bytes (collate "C"), which is SQLite's order too.

// A document may hold the character U+0000, which no text of PostgreSQL can: it is read as another where something is taken out. The
// look-behind leaves alone a backslash that is itself escaped. Not `strict`, or PostgreSQL would not write the functions out where they
// are used, and each call would cost a hundred times as much.
export const readingDocuments = String.raw`
create function remit_member(doc text, name text) returns text language sql immutable parallel safe as $$
  select (case when strpos(doc, '\u0000') = 0 then doc
    else regexp_replace(doc, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g') end)::json ->> name
$$;
create function remit_first(doc text, name text) returns text language sql immutable parallel safe as $$
  select (case when strpos(doc, '\u0000') = 0 then doc
    else regexp_replace(doc, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g') end)::json -> name ->> 0
$$;
`

export const records = `
create table identities (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  name text collate "C" not null generated always as (remit_member(doc, 'name')) stored,
  kind text collate "C" not null generated always as (remit_member(doc, 'kind')) stored,
  state text collate "C" not null generated always as (remit_member(doc, 'state')) stored,
  owner text collate "C" generated always as (remit_member(doc, 'owner')) stored,
  constraint identity_key primary key (space, id),
  constraint identity_id check (substr(id, 1, 4) = 'idn_' and length(id) = 30),
  constraint identity_kind_known check (kind in ('human', 'service-account', 'workload', 'api-client', 'robot', 'ai-agent')),
  constraint identity_state_known check (state in ('live', 'disabled')),
  constraint identity_owned check ((kind = 'human') = (owner is null)),
  constraint identity_name_once unique (space, name),
  constraint identity_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index identities_by_kind on identities (space, kind, id);
create index identities_by_state on identities (space, state, id);
create index identities_by_owner on identities (space, owner, id);

create table credentials (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  identity text collate "C" not null generated always as (remit_member(doc, 'identity')) stored,
  hash text collate "C" not null generated always as (remit_member(doc, 'hash')) stored,
  expires_at bigint not null generated always as (remit_member(doc, 'expiresAt')::bigint) stored,
  constraint credential_key primary key (space, id),
  constraint credential_id check (substr(id, 1, 4) = 'crd_' and length(id) = 30),
  constraint credential_hash_once unique (space, hash),
  constraint credential_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index credentials_by_identity on credentials (space, identity, id);

create table passkeys (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  person text collate "C" not null generated always as (remit_member(doc, 'person')) stored,
  credential_id text collate "C" not null generated always as (remit_member(doc, 'credentialId')) stored,
  constraint passkey_key primary key (space, id),
  constraint passkey_id check (substr(id, 1, 4) = 'pks_' and length(id) = 30),
  constraint passkey_registered_once unique (space, credential_id),
  constraint passkey_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index passkeys_by_person on passkeys (space, person, id);

create table links (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  hash text collate "C" not null generated always as (remit_member(doc, 'hash')) stored,
  expires_at bigint not null generated always as (remit_member(doc, 'expiresAt')::bigint) stored,
  constraint link_key primary key (space, id),
  constraint link_id check (substr(id, 1, 4) = 'lnk_' and length(id) = 30),
  constraint link_hash_once unique (space, hash),
  constraint link_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);

create table sign_ins (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  person text collate "C" not null generated always as (remit_member(doc, 'person')) stored,
  expires_at bigint not null generated always as (remit_member(doc, 'expiresAt')::bigint) stored,
  constraint sign_in_key primary key (space, id),
  constraint sign_in_id check (length(id) between 1 and 256),
  constraint sign_in_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index sign_ins_by_person on sign_ins (space, person, id);

create table devices (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  hash text collate "C" not null generated always as (remit_member(doc, 'hash')) stored,
  user_code text collate "C" not null generated always as (remit_member(doc, 'userCode')) stored,
  expires_at bigint not null generated always as (remit_member(doc, 'expiresAt')::bigint) stored,
  constraint device_key primary key (space, id),
  constraint device_id check (substr(id, 1, 4) = 'dvc_' and length(id) = 30),
  constraint device_hash_once unique (space, hash),
  constraint device_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index devices_by_user_code on devices (space, user_code, id);

create table exceptions (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  identity text collate "C" not null generated always as (remit_member(doc, 'identity')) stored,
  state text collate "C" not null generated always as (remit_member(doc, 'state')) stored,
  expires_at bigint not null generated always as (remit_member(doc, 'expiresAt')::bigint) stored,
  constraint exception_key primary key (space, id),
  constraint exception_id check (substr(id, 1, 4) = 'exc_' and length(id) = 30),
  constraint exception_state_known check (state in ('proposed', 'active', 'ended', 'denied', 'withdrawn')),
  constraint exception_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index exceptions_by_identity on exceptions (space, identity, id);
create index exceptions_by_state on exceptions (space, state, id);

create table issuers (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  constraint issuer_key primary key (space, id),
  constraint issuer_id check (length(id) between 1 and 256),
  constraint issuer_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);

create table services (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  constraint service_key primary key (space, id),
  constraint service_id check (length(id) between 1 and 256),
  constraint service_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);

create table policy_sets (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  constraint policy_set_key primary key (space, id),
  constraint policy_set_id check (length(id) between 1 and 256),
  constraint policy_set_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);

create table grants (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  state text collate "C" not null generated always as (remit_member(doc, 'state')) stored,
  actor text collate "C" not null generated always as (remit_first(doc, 'chain')) stored,
  expires_at bigint generated always as (remit_member(doc, 'expiresAt')::bigint) stored,
  ended_at bigint generated always as (remit_member(doc, 'endedAt')::bigint) stored,
  constraint grant_key primary key (space, id),
  constraint grant_id check (substr(id, 1, 4) = 'grn_' and length(id) = 30),
  constraint grant_state_known check (state in ('requested', 'pending', 'approved', 'active', 'ended', 'denied', 'withdrawn', 'unclaimed')),
  constraint grant_active_has_end check (state <> 'active' or expires_at is not null),
  constraint grant_ended_has_time check (state <> 'ended' or ended_at is not null),
  constraint grant_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index grants_by_state on grants (space, state, id);
create index grants_by_actor on grants (space, actor, id);

create table uses (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  "grant" text collate "C" not null generated always as (remit_member(doc, 'grant')) stored,
  spent bigint not null generated always as (remit_member(doc, 'spent')::bigint) stored,
  constraint uses_key primary key (space, id),
  constraint uses_id check (length(id) > 31 and substr(id, 1, 31) = "grant" || '/'),
  constraint uses_not_negative check (spent >= 0),
  constraint uses_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index uses_by_grant on uses (space, "grant", id);

create table sessions (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  state text collate "C" not null generated always as (remit_member(doc, 'state')) stored,
  "grant" text collate "C" not null generated always as (remit_member(doc, 'grant')) stored,
  token text collate "C" not null generated always as (remit_member(doc, 'token')) stored,
  identity text collate "C" not null generated always as (remit_member(doc, 'identity')) stored,
  ends_at bigint not null generated always as (remit_member(doc, 'endsAt')::bigint) stored,
  ended_at bigint generated always as (remit_member(doc, 'endedAt')::bigint) stored,
  constraint session_key primary key (space, id),
  constraint session_id check (substr(id, 1, 4) = 'ses_' and length(id) = 30),
  constraint session_state_known check (state in ('live', 'ended')),
  constraint session_ended_has_time check (state <> 'ended' or ended_at is not null),
  constraint session_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index sessions_by_state on sessions (space, state, id);
create index sessions_by_grant on sessions (space, "grant", id);
create index sessions_by_token on sessions (space, token, id);
create index sessions_by_identity on sessions (space, identity, id);

create table bindings (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  expires_at bigint not null generated always as (remit_member(doc, 'expiresAt')::bigint) stored,
  constraint binding_key primary key (space, id),
  constraint binding_id check (substr(id, 1, 4) = 'tok_' and length(id) = 30),
  constraint binding_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);

create table holds (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  state text collate "C" not null generated always as (remit_member(doc, 'state')) stored,
  "grant" text collate "C" not null generated always as (remit_member(doc, 'grant')) stored,
  session text collate "C" not null generated always as (remit_member(doc, 'session')) stored,
  answer_by bigint not null generated always as (remit_member(doc, 'answerBy')::bigint) stored,
  use_by bigint generated always as (remit_member(doc, 'useBy')::bigint) stored,
  constraint hold_key primary key (space, id),
  constraint hold_id check (substr(id, 1, 4) = 'hld_' and length(id) = 30),
  constraint hold_state_known check (state in ('waiting', 'approved', 'spent', 'denied', 'expired', 'withdrawn')),
  constraint hold_approved_has_end check (state <> 'approved' or use_by is not null),
  constraint hold_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index holds_by_state on holds (space, state, id);
create index holds_by_grant on holds (space, "grant", id);
create index holds_by_session on holds (space, session, id);

create table approvals (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  subject text collate "C" not null generated always as (remit_member(doc, 'subject')) stored,
  person text collate "C" not null generated always as (remit_member(doc, 'person')) stored,
  constraint approval_key primary key (space, id),
  constraint approval_id check (substr(id, 1, 4) = 'apr_' and length(id) = 30),
  constraint approval_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index approvals_by_subject on approvals (space, subject, id);
create index approvals_by_person on approvals (space, person, id);

create table challenges (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  person text collate "C" generated always as (remit_member(doc, 'person')) stored,
  expires_at bigint not null generated always as (remit_member(doc, 'expiresAt')::bigint) stored,
  constraint challenge_key primary key (space, id),
  constraint challenge_id check (length(id) between 1 and 256),
  constraint challenge_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index challenges_by_person on challenges (space, person, id);

create table signals (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  identity text collate "C" generated always as (remit_member(doc, 'identity')) stored,
  constraint signal_key primary key (space, id),
  constraint signal_id check (substr(id, 1, 4) = 'sgn_' and length(id) = 30),
  constraint signal_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index signals_by_identity on signals (space, identity, id);

create table change_sets (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  state text collate "C" not null generated always as (remit_member(doc, 'state')) stored,
  expires_at bigint not null generated always as (remit_member(doc, 'expiresAt')::bigint) stored,
  constraint change_set_key primary key (space, id),
  constraint change_set_id check (substr(id, 1, 4) = 'chg_' and length(id) = 30),
  constraint change_set_state_known check (state in ('proposed', 'applied', 'denied', 'withdrawn', 'stale', 'expired')),
  constraint change_set_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index change_sets_by_state on change_sets (space, state, id);

`
