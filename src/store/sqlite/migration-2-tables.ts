/** The tables of the second step of the schema: as in the first, but under a key of space and id. */

export const keysBySpace = `
create table new_identities (
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

create table new_credentials (
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

create table new_passkeys (
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

create table new_links (
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

create table new_sign_ins (
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

create table new_devices (
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

create table new_exceptions (
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

create table new_issuers (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  constraint issuer_key primary key (space, id),
  constraint issuer_id check (length(id) between 1 and 256),
  constraint issuer_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table new_services (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  constraint service_key primary key (space, id),
  constraint service_id check (length(id) between 1 and 256),
  constraint service_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table new_policy_sets (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  constraint policy_set_key primary key (space, id),
  constraint policy_set_id check (length(id) between 1 and 256),
  constraint policy_set_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table new_grants (
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

create table new_uses (
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

create table new_sessions (
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

create table new_bindings (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint binding_key primary key (space, id),
  constraint binding_id check (substr(id, 1, 4) = 'tok_' and length(id) = 30),
  constraint binding_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table new_holds (
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

create table new_approvals (
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

create table new_challenges (
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

create table new_signals (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  identity text generated always as (doc ->> '$.identity') stored,
  constraint signal_key primary key (space, id),
  constraint signal_id check (substr(id, 1, 4) = 'sgn_' and length(id) = 30),
  constraint signal_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
`
