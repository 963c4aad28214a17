/** The first step of the schema, written out: one table per kind of record, the lives under triggers, the log, the keeping of time. */

// Written out and not built from the lists in the model: a database keeps the rules it was made with, and a rule that changes in the
// model needs a step of its own here. Columns are generated from the document, so that the two can never disagree.

export const records = `
create table identities (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  name text not null generated always as (doc ->> '$.name') stored,
  kind text not null generated always as (doc ->> '$.kind') stored,
  state text not null generated always as (doc ->> '$.state') stored,
  owner text generated always as (doc ->> '$.owner') stored,
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

create table credentials (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  identity text not null generated always as (doc ->> '$.identity') stored,
  hash text not null generated always as (doc ->> '$.hash') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint credential_id check (substr(id, 1, 4) = 'crd_' and length(id) = 30),
  constraint credential_hash_once unique (space, hash),
  constraint credential_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index credentials_by_identity on credentials (space, identity, id);

create table passkeys (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  person text not null generated always as (doc ->> '$.person') stored,
  credential_id text not null generated always as (doc ->> '$.credentialId') stored,
  constraint passkey_id check (substr(id, 1, 4) = 'pks_' and length(id) = 30),
  constraint passkey_registered_once unique (space, credential_id),
  constraint passkey_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index passkeys_by_person on passkeys (space, person, id);

create table links (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  hash text not null generated always as (doc ->> '$.hash') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint link_id check (substr(id, 1, 4) = 'lnk_' and length(id) = 30),
  constraint link_hash_once unique (space, hash),
  constraint link_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table sign_ins (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  person text not null generated always as (doc ->> '$.person') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint sign_in_id check (length(id) between 1 and 256),
  constraint sign_in_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index sign_ins_by_person on sign_ins (space, person, id);

create table devices (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  hash text not null generated always as (doc ->> '$.hash') stored,
  user_code text not null generated always as (doc ->> '$.userCode') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint device_id check (substr(id, 1, 4) = 'dvc_' and length(id) = 30),
  constraint device_hash_once unique (space, hash),
  constraint device_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index devices_by_user_code on devices (space, user_code, id);

create table exceptions (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  identity text not null generated always as (doc ->> '$.identity') stored,
  state text not null generated always as (doc ->> '$.state') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint exception_id check (substr(id, 1, 4) = 'exc_' and length(id) = 30),
  constraint exception_state_known check (state in ('proposed', 'active', 'ended')),
  constraint exception_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index exceptions_by_identity on exceptions (space, identity, id);
create index exceptions_by_state on exceptions (space, state, id);

create table issuers (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  constraint issuer_id check (length(id) between 1 and 256),
  constraint issuer_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table services (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  constraint service_id check (length(id) between 1 and 256),
  constraint service_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table policy_sets (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  constraint policy_set_id check (length(id) between 1 and 256),
  constraint policy_set_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table grants (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  state text not null generated always as (doc ->> '$.state') stored,
  actor text not null generated always as (doc ->> '$.chain[0]') stored,
  expires_at integer generated always as (doc ->> '$.expiresAt') stored,
  ended_at integer generated always as (doc ->> '$.endedAt') stored,
  constraint grant_id check (substr(id, 1, 4) = 'grn_' and length(id) = 30),
  constraint grant_state_known check (state in ('requested', 'pending', 'approved', 'active', 'ended', 'denied', 'withdrawn', 'unclaimed')),
  constraint grant_active_has_end check (state <> 'active' or expires_at is not null),
  constraint grant_ended_has_time check (state <> 'ended' or ended_at is not null),
  constraint grant_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index grants_by_state on grants (space, state, id);
create index grants_by_actor on grants (space, actor, id);

create table uses (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  "grant" text not null generated always as (doc ->> '$.grant') stored,
  spent integer not null generated always as (doc ->> '$.spent') stored,
  constraint uses_id check (length(id) > 31 and substr(id, 1, 31) = "grant" || '/'),
  constraint uses_not_negative check (spent >= 0),
  constraint uses_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index uses_by_grant on uses (space, "grant", id);

create table sessions (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  state text not null generated always as (doc ->> '$.state') stored,
  "grant" text not null generated always as (doc ->> '$.grant') stored,
  token text not null generated always as (doc ->> '$.token') stored,
  identity text not null generated always as (doc ->> '$.identity') stored,
  ends_at integer not null generated always as (doc ->> '$.endsAt') stored,
  ended_at integer generated always as (doc ->> '$.endedAt') stored,
  constraint session_id check (substr(id, 1, 4) = 'ses_' and length(id) = 30),
  constraint session_state_known check (state in ('live', 'ended')),
  constraint session_ended_has_time check (state <> 'ended' or ended_at is not null),
  constraint session_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index sessions_by_state on sessions (space, state, id);
create index sessions_by_grant on sessions (space, "grant", id);
create index sessions_by_token on sessions (space, token, id);
create index sessions_by_identity on sessions (space, identity, id);

create table bindings (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint binding_id check (substr(id, 1, 4) = 'tok_' and length(id) = 30),
  constraint binding_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create table holds (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  state text not null generated always as (doc ->> '$.state') stored,
  "grant" text not null generated always as (doc ->> '$.grant') stored,
  session text not null generated always as (doc ->> '$.session') stored,
  answer_by integer not null generated always as (doc ->> '$.answerBy') stored,
  use_by integer generated always as (doc ->> '$.useBy') stored,
  constraint hold_id check (substr(id, 1, 4) = 'hld_' and length(id) = 30),
  constraint hold_state_known check (state in ('waiting', 'approved', 'spent', 'denied', 'expired', 'withdrawn')),
  constraint hold_approved_has_end check (state <> 'approved' or use_by is not null),
  constraint hold_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index holds_by_state on holds (space, state, id);
create index holds_by_grant on holds (space, "grant", id);
create index holds_by_session on holds (space, session, id);

create table approvals (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  subject text not null generated always as (doc ->> '$.subject') stored,
  person text not null generated always as (doc ->> '$.person') stored,
  constraint approval_id check (substr(id, 1, 4) = 'apr_' and length(id) = 30),
  constraint approval_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index approvals_by_subject on approvals (space, subject, id);
create index approvals_by_person on approvals (space, person, id);

create table challenges (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  person text generated always as (doc ->> '$.person') stored,
  expires_at integer not null generated always as (doc ->> '$.expiresAt') stored,
  constraint challenge_id check (length(id) between 1 and 256),
  constraint challenge_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index challenges_by_person on challenges (space, person, id);

create table signals (
  id text not null primary key,
  space text not null,
  doc text not null,
  version integer not null,
  identity text generated always as (doc ->> '$.identity') stored,
  constraint signal_id check (substr(id, 1, 4) = 'sgn_' and length(id) = 30),
  constraint signal_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;
create index signals_by_identity on signals (space, identity, id);

`

export const rules = `
create trigger identity_name_fixed after update on identities when old.name is not new.name
begin select raise(abort, 'identity_name_fixed'); end;

create trigger exception_life after update on exceptions when old.state <> new.state
  and old.state || ' > ' || new.state not in ('proposed > active', 'proposed > ended', 'active > ended')
begin select raise(abort, 'exception_life'); end;

create trigger grant_life after update on grants when old.state <> new.state
  and old.state || ' > ' || new.state not in (
    'requested > pending', 'requested > denied',
    'pending > approved', 'pending > denied', 'pending > withdrawn',
    'approved > active', 'approved > unclaimed',
    'active > ended')
begin select raise(abort, 'grant_life'); end;

create trigger session_life after update on sessions when old.state <> new.state
  and old.state || ' > ' || new.state not in ('live > ended')
begin select raise(abort, 'session_life'); end;

create trigger hold_life after update on holds when old.state <> new.state
  and old.state || ' > ' || new.state not in (
    'waiting > approved', 'waiting > denied', 'waiting > expired', 'waiting > withdrawn',
    'approved > spent', 'approved > expired', 'approved > withdrawn')
begin select raise(abort, 'hold_life'); end;

create trigger uses_never_come_back after update on uses when new.spent < old.spent
begin select raise(abort, 'uses_never_come_back'); end;

create trigger approval_is_signed after update on approvals when old.doc <> new.doc
begin select raise(abort, 'approval_is_signed'); end;

create trigger identity_kept before delete on identities begin select raise(abort, 'identity_kept'); end;
create trigger credential_kept before delete on credentials begin select raise(abort, 'credential_kept'); end;
create trigger exception_kept before delete on exceptions begin select raise(abort, 'exception_kept'); end;
create trigger grant_kept before delete on grants begin select raise(abort, 'grant_kept'); end;
create trigger uses_kept before delete on uses begin select raise(abort, 'uses_kept'); end;
create trigger session_kept before delete on sessions begin select raise(abort, 'session_kept'); end;
create trigger hold_kept before delete on holds begin select raise(abort, 'hold_kept'); end;
create trigger approval_kept before delete on approvals begin select raise(abort, 'approval_kept'); end;
`

export const log = `
create table latest (
  one integer not null primary key,
  version integer not null,
  at integer not null,
  constraint latest_is_one check (one = 1)
) strict;
insert into latest (one, version, at) values (1, 0, 0);

create trigger latest_goes_on after update on latest when new.version <> old.version + 1 or new.at < old.at
begin select raise(abort, 'latest_goes_on'); end;
create trigger latest_kept before delete on latest begin select raise(abort, 'latest_kept'); end;

create table tree (
  one integer not null primary key,
  size integer not null,
  frontier blob not null,
  checkpoint text not null,
  constraint tree_is_one check (one = 1),
  constraint tree_frontier_whole check (length(frontier) % 32 = 0)
) strict;
insert into tree (one, size, frontier, checkpoint) values (1, 0, x'', '');

create trigger tree_grows after update on tree when new.size < old.size begin select raise(abort, 'tree_grows'); end;
create trigger tree_kept before delete on tree begin select raise(abort, 'tree_kept'); end;

create table outbox (
  position integer not null primary key,
  at integer not null,
  body text not null,
  salt blob not null,
  constraint outbox_body check (json_valid(body) and octet_length(body) <= 4194304),
  constraint outbox_salt check (length(salt) = 32)
) strict;

create trigger outbox_gapless before insert on outbox
when new.position <> 1 + coalesce((select max(position) from outbox), (select size from tree))
begin select raise(abort, 'outbox_gapless'); end;
create trigger outbox_fixed before update on outbox begin select raise(abort, 'outbox_fixed'); end;
create trigger outbox_kept_until_numbered before delete on outbox when old.position > (select size from tree)
begin select raise(abort, 'outbox_kept_until_numbered'); end;

create table leaves (
  place integer not null primary key,
  leaf blob not null,
  body text,
  salt blob,
  constraint leaf_place check (place >= 0),
  constraint leaf_length check (length(leaf) = 33),
  constraint leaf_erased_whole check ((body is null) = (salt is null))
) strict;

create trigger leaf_fixed before update on leaves when new.place is not old.place or new.leaf is not old.leaf
  or (new.body is not null and new.body is not old.body) or (new.salt is not null and new.salt is not old.salt)
begin select raise(abort, 'leaf_fixed'); end;
create trigger leaf_kept before delete on leaves begin select raise(abort, 'leaf_kept'); end;

create table checkpoints (
  place integer not null primary key,
  size integer not null,
  note text not null
) strict;
create index checkpoints_by_size on checkpoints (size, place);

create trigger checkpoint_fixed before update on checkpoints begin select raise(abort, 'checkpoint_fixed'); end;
create trigger checkpoint_kept before delete on checkpoints begin select raise(abort, 'checkpoint_kept'); end;

create table meta (
  key text not null primary key,
  value text not null,
  fixed integer not null,
  constraint meta_fixed_known check (fixed in (0, 1))
) strict;

create trigger meta_fixed before update on meta when old.fixed = 1 begin select raise(abort, 'meta_fixed'); end;
create trigger meta_fixed_kept before delete on meta when old.fixed = 1 begin select raise(abort, 'meta_fixed_kept'); end;
`
