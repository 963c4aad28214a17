/** One table per kind of record as the schema is now, with what each is found by: how a new database is made. */

// A name in quotes is one that a step of the schema renamed: SQLite keeps the text of a table as it was made, and texts that are alike can be compared.

export const recordsNow = `
create table "identities" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  name text not null generated always as (doc ->> '$.name') stored,
  kind text not null generated always as (doc ->> '$.kind') stored,
  state text not null generated always as (doc ->> '$.state') stored,
  owner text generated always as (doc ->> '$.owner') stored,
  constraint identity_key primary key (space, id),
  constraint identity_id check (substr(id, 1, 4) = 'idn_' and length(id) = 30),
  constraint identity_kind_known check (kind in ('human', 'service-account', 'workload', 'api-client', 'robot', 'ai-agent')),
  constraint identity_state_known check (state in ('live', 'disabled')),
  constraint identity_owned check ((kind = 'human') = (owner is null)),
  constraint identity_name_once unique (space, name),
  constraint identity_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index identities_by_kind on identities (space, kind, id);
create index identities_by_state on identities (space, state, id);
create index identities_by_owner on identities (space, owner, id);

create table "credentials" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  identity text not null generated always as (doc ->> '$.identity') stored,
  hash text not null generated always as (doc ->> '$.hash') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint credential_key primary key (space, id),
  constraint credential_id check (substr(id, 1, 4) = 'crd_' and length(id) = 30),
  constraint credential_hash_once unique (space, hash),
  constraint credential_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index credentials_by_identity on credentials (space, identity, id);

create table "passkeys" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  person text not null generated always as (doc ->> '$.person') stored,
  credential_id text not null generated always as (doc ->> '$.credentialId') stored,
  constraint passkey_key primary key (space, id),
  constraint passkey_id check (substr(id, 1, 4) = 'pks_' and length(id) = 30),
  constraint passkey_registered_once unique (space, credential_id),
  constraint passkey_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index passkeys_by_person on passkeys (space, person, id);

create table "links" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  hash text not null generated always as (doc ->> '$.hash') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint link_key primary key (space, id),
  constraint link_id check (substr(id, 1, 4) = 'lnk_' and length(id) = 30),
  constraint link_hash_once unique (space, hash),
  constraint link_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table "sign_ins" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  person text not null generated always as (doc ->> '$.person') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint sign_in_key primary key (space, id),
  constraint sign_in_id check (length(id) between 1 and 256),
  constraint sign_in_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index sign_ins_by_person on sign_ins (space, person, id);

create table "devices" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  hash text not null generated always as (doc ->> '$.hash') stored,
  user_code text not null generated always as (doc ->> '$.userCode') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint device_key primary key (space, id),
  constraint device_id check (substr(id, 1, 4) = 'dvc_' and length(id) = 30),
  constraint device_hash_once unique (space, hash),
  constraint device_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index devices_by_user_code on devices (space, user_code, id);

create table "exceptions" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  identity text not null generated always as (doc ->> '$.identity') stored,
  state text not null generated always as (doc ->> '$.state') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint exception_key primary key (space, id),
  constraint exception_id check (substr(id, 1, 4) = 'exc_' and length(id) = 30),
  constraint exception_state_known check (state in ('proposed', 'active', 'ended', 'denied', 'withdrawn')),
  constraint exception_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index exceptions_by_identity on exceptions (space, identity, id);
create index exceptions_by_state on exceptions (space, state, id);

create table "issuers" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  constraint issuer_key primary key (space, id),
  constraint issuer_id check (length(id) between 1 and 256),
  constraint issuer_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table "services" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  constraint service_key primary key (space, id),
  constraint service_id check (length(id) between 1 and 256),
  constraint service_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table "policy_sets" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  constraint policy_set_key primary key (space, id),
  constraint policy_set_id check (length(id) between 1 and 256),
  constraint policy_set_doc check (octet_length(doc) <= 4194304 and json_extract(doc, '$.id', '$.space') is json_array(id, space))
) strict;

create table "grants" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  state text not null generated always as (doc ->> '$.state') stored,
  actor text not null generated always as (doc ->> '$.chain[0]') stored,
  expires_at integer generated always as (doc ->> '$.expiresAt') stored,
  ended_at integer generated always as (doc ->> '$.endedAt') stored,
  constraint grant_key primary key (space, id),
  constraint grant_id check (substr(id, 1, 4) = 'grn_' and length(id) = 30),
  constraint grant_state_known check (state in ('requested', 'pending', 'approved', 'active', 'ended', 'denied', 'withdrawn', 'unclaimed')),
  constraint grant_active_has_end check (state <> 'active' or expires_at is not null),
  constraint grant_ended_has_time check (state <> 'ended' or ended_at is not null),
  constraint grant_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index grants_by_state on grants (space, state, id);
create index grants_by_actor on grants (space, actor, id);

create table "uses" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  "grant" text not null generated always as (doc ->> '$.grant') stored,
  spent integer not null generated always as (doc ->> '$.spent') stored,
  constraint uses_key primary key (space, id),
  constraint uses_id check (length(id) > 31 and substr(id, 1, 31) = "grant" || '/'),
  constraint uses_not_negative check (spent >= 0),
  constraint uses_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index uses_by_grant on uses (space, "grant", id);

create table "sessions" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  state text not null generated always as (doc ->> '$.state') stored,
  "grant" text not null generated always as (doc ->> '$.grant') stored,
  token text not null generated always as (doc ->> '$.token') stored,
  identity text not null generated always as (doc ->> '$.identity') stored,
  ends_at integer not null generated always as (doc ->> '$.endsAt') stored,
  ended_at integer generated always as (doc ->> '$.endedAt') stored,
  constraint session_key primary key (space, id),
  constraint session_id check (substr(id, 1, 4) = 'ses_' and length(id) = 30),
  constraint session_state_known check (state in ('live', 'ended')),
  constraint session_ended_has_time check (state <> 'ended' or ended_at is not null),
  constraint session_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index sessions_by_state on sessions (space, state, id);
create index sessions_by_grant on sessions (space, "grant", id);
create index sessions_by_token on sessions (space, token, id);
create index sessions_by_identity on sessions (space, identity, id);

create table "bindings" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint binding_key primary key (space, id),
  constraint binding_id check (substr(id, 1, 4) = 'tok_' and length(id) = 30),
  constraint binding_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table "holds" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  state text not null generated always as (doc ->> '$.state') stored,
  "grant" text not null generated always as (doc ->> '$.grant') stored,
  session text not null generated always as (doc ->> '$.session') stored,
  answer_by integer not null generated always as (doc ->> '$.answerBy') stored,
  use_by integer generated always as (doc ->> '$.useBy') stored,
  constraint hold_key primary key (space, id),
  constraint hold_id check (substr(id, 1, 4) = 'hld_' and length(id) = 30),
  constraint hold_state_known check (state in ('waiting', 'approved', 'spent', 'denied', 'expired', 'withdrawn')),
  constraint hold_approved_has_end check (state <> 'approved' or use_by is not null),
  constraint hold_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index holds_by_state on holds (space, state, id);
create index holds_by_grant on holds (space, "grant", id);
create index holds_by_session on holds (space, session, id);

create table "approvals" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  subject text not null generated always as (doc ->> '$.subject') stored,
  person text not null generated always as (doc ->> '$.person') stored,
  constraint approval_key primary key (space, id),
  constraint approval_id check (substr(id, 1, 4) = 'apr_' and length(id) = 30),
  constraint approval_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index approvals_by_subject on approvals (space, subject, id);
create index approvals_by_person on approvals (space, person, id);

create table "challenges" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  person text generated always as (doc ->> '$.person') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint challenge_key primary key (space, id),
  constraint challenge_id check (length(id) between 1 and 256),
  constraint challenge_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index challenges_by_person on challenges (space, person, id);

create table "signals" (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  identity text generated always as (doc ->> '$.identity') stored,
  constraint signal_key primary key (space, id),
  constraint signal_id check (substr(id, 1, 4) = 'sgn_' and length(id) = 30),
  constraint signal_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index signals_by_identity on signals (space, identity, id);

create table change_sets (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  state text not null generated always as (doc ->> '$.state') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint change_set_key primary key (space, id),
  constraint change_set_id check (substr(id, 1, 4) = 'chg_' and length(id) = 30),
  constraint change_set_state_known check (state in ('proposed', 'applied', 'denied', 'withdrawn', 'stale', 'expired')),
  constraint change_set_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index change_sets_by_state on change_sets (space, state, id);

create table gateways (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  name text not null generated always as (doc ->> '$.name') stored,
  state text not null generated always as (doc ->> '$.state') stored,
  key text generated always as (doc ->> '$.key') stored,
  code_hash text not null generated always as (doc ->> '$.codeHash') stored,
  code_ends_at integer not null generated always as (doc ->> '$.codeEndsAt') stored,
  constraint gateway_key primary key (space, id),
  constraint gateway_id check (substr(id, 1, 4) = 'gtw_' and length(id) = 30),
  constraint gateway_state_known check (state in ('invited', 'enrolled', 'removed')),
  constraint gateway_enrolled_has_key check (state <> 'enrolled' or key is not null),
  constraint gateway_code_once unique (space, code_hash),
  constraint gateway_public_key_once unique (space, key),
  constraint gateway_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index gateways_by_name on gateways (space, name, id);
create index gateways_by_state on gateways (space, state, id);
create unique index gateway_name_once on gateways (space, name) where state <> 'removed';

create table applications (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  constraint application_key primary key (space, id),
  constraint application_id check (length(id) between 1 and 256),
  constraint application_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table untrusted_readings (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  identity text not null generated always as (doc ->> '$.identity') stored,
  "grant" text not null generated always as (doc ->> '$.grant') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint untrusted_reading_key primary key (space, id),
  constraint untrusted_reading_id check (substr(id, 1, 4) = 'ses_' and length(id) = 61),
  constraint untrusted_reading_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index untrusted_readings_by_identity on untrusted_readings (space, identity, id);
create index untrusted_readings_by_grant on untrusted_readings (space, "grant", id);
`
