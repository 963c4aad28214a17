/** The schema as all its steps together make it, written out: a new database has nothing to take over, and is made in one. */
import { recordsNow } from './schema-records.ts'

// A step that is added is also written here; a test compares the two, text by text.

const rulesNow = `
create trigger identity_name_fixed after update on identities when old.name is not new.name
begin select raise(abort, 'identity_name_fixed'); end;
create trigger identity_kept before delete on identities begin select raise(abort, 'identity_kept'); end;

create trigger credential_kept before delete on credentials begin select raise(abort, 'credential_kept'); end;

create trigger exception_life after update on exceptions when old.state <> new.state
  and old.state || ' > ' || new.state not in (
    'proposed > active', 'proposed > denied', 'proposed > withdrawn',
    'active > ended')
begin select raise(abort, 'exception_life'); end;
create trigger exception_kept before delete on exceptions begin select raise(abort, 'exception_kept'); end;

create trigger grant_life after update on grants when old.state <> new.state
  and old.state || ' > ' || new.state not in (
    'requested > pending', 'requested > denied',
    'pending > approved', 'pending > denied', 'pending > withdrawn',
    'approved > active', 'approved > unclaimed',
    'active > ended')
begin select raise(abort, 'grant_life'); end;
create trigger grant_kept before delete on grants begin select raise(abort, 'grant_kept'); end;

create trigger uses_never_come_back after update on uses when new.spent < old.spent
begin select raise(abort, 'uses_never_come_back'); end;
create trigger uses_kept before delete on uses begin select raise(abort, 'uses_kept'); end;

create trigger session_life after update on sessions when old.state <> new.state
  and old.state || ' > ' || new.state not in ('live > ended')
begin select raise(abort, 'session_life'); end;
create trigger session_kept before delete on sessions begin select raise(abort, 'session_kept'); end;

create trigger hold_life after update on holds when old.state <> new.state
  and old.state || ' > ' || new.state not in (
    'waiting > approved', 'waiting > denied', 'waiting > expired', 'waiting > withdrawn',
    'approved > spent', 'approved > expired', 'approved > withdrawn')
begin select raise(abort, 'hold_life'); end;
create trigger hold_kept before delete on holds begin select raise(abort, 'hold_kept'); end;

create trigger approval_is_signed after update on approvals when old.doc <> new.doc
begin select raise(abort, 'approval_is_signed'); end;
create trigger approval_kept before delete on approvals begin select raise(abort, 'approval_kept'); end;

create trigger change_set_life after update on change_sets when old.state <> new.state
  and old.state || ' > ' || new.state not in ('proposed > applied', 'proposed > denied', 'proposed > withdrawn', 'proposed > stale', 'proposed > expired')
begin select raise(abort, 'change_set_life'); end;
create trigger change_set_kept before delete on change_sets begin select raise(abort, 'change_set_kept'); end;

create trigger gateway_life after update on gateways when old.state <> new.state
  and old.state || ' > ' || new.state not in ('invited > enrolled', 'invited > removed', 'enrolled > removed')
begin select raise(abort, 'gateway_life'); end;
create trigger gateway_binding_fixed after update on gateways
when (old.key is not null and new.state <> 'invited' and new.key is not old.key) or new.code_hash <> old.code_hash or new.name <> old.name
begin select raise(abort, 'gateway_binding_fixed'); end;
create trigger gateway_kept before delete on gateways begin select raise(abort, 'gateway_kept'); end;

create trigger application_removed_stays after update on applications
  when old.doc ->> '$.removedAt' is not null and new.doc ->> '$.removedAt' is null
begin select raise(abort, 'application_removed_stays'); end;
create trigger application_kept before delete on applications begin select raise(abort, 'application_kept'); end;

create trigger untrusted_reading_fixed after update on untrusted_readings when new.doc <> old.doc
begin select raise(abort, 'untrusted_reading_fixed'); end;
`

const logNow = `
create table latest (
  one integer not null primary key,
  version integer not null,
  at integer not null,
  constraint latest_is_one check (one = 1)
) strict;
insert into latest (one, version, at) values (1, 0, 0);
create trigger latest_kept before delete on latest begin select raise(abort, 'latest_kept'); end;
create trigger latest_goes_on after update on latest
when (new.version <> old.version + 1 and old.version <> 0) or new.version <= old.version or new.at < old.at
begin select raise(abort, 'latest_goes_on'); end;

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
create trigger checkpoint_kept before delete on checkpoints begin select raise(abort, 'checkpoint_kept'); end;
create trigger checkpoint_fixed before update on checkpoints
when new.place <> old.place or new.size <> old.size or substr(new.note, 1, length(old.note)) <> old.note
begin select raise(abort, 'checkpoint_fixed'); end;

create table meta (
  key text not null primary key,
  value text not null,
  fixed integer not null,
  constraint meta_fixed_known check (fixed in (0, 1))
) strict;
create trigger meta_fixed before update on meta when old.fixed = 1 begin select raise(abort, 'meta_fixed'); end;
create trigger meta_fixed_kept before delete on meta when old.fixed = 1 begin select raise(abort, 'meta_fixed_kept'); end;
`

export const schemaNow = `${recordsNow}${rulesNow}${logNow}`
