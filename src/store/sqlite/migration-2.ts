/** The second step of the schema: ids are unique in their space, change-sets, exceptions that were denied, checkpoints that are cosigned. */

// A key cannot be changed in SQLite, so each table is made anew and takes over what the old one had. Triggers go with the old one.

export const takeOver = `
insert into new_identities (space, id, doc, version) select space, id, doc, version from identities;
drop table identities;
alter table new_identities rename to identities;
create index identities_by_kind on identities (space, kind, id);
create index identities_by_state on identities (space, state, id);
create index identities_by_owner on identities (space, owner, id);

insert into new_credentials (space, id, doc, version) select space, id, doc, version from credentials;
drop table credentials;
alter table new_credentials rename to credentials;
create index credentials_by_identity on credentials (space, identity, id);

insert into new_passkeys (space, id, doc, version) select space, id, doc, version from passkeys;
drop table passkeys;
alter table new_passkeys rename to passkeys;
create index passkeys_by_person on passkeys (space, person, id);

insert into new_links (space, id, doc, version) select space, id, doc, version from links;
drop table links;
alter table new_links rename to links;

insert into new_sign_ins (space, id, doc, version) select space, id, doc, version from sign_ins;
drop table sign_ins;
alter table new_sign_ins rename to sign_ins;
create index sign_ins_by_person on sign_ins (space, person, id);

insert into new_devices (space, id, doc, version) select space, id, doc, version from devices;
drop table devices;
alter table new_devices rename to devices;
create index devices_by_user_code on devices (space, user_code, id);

insert into new_exceptions (space, id, doc, version) select space, id, doc, version from exceptions;
drop table exceptions;
alter table new_exceptions rename to exceptions;
create index exceptions_by_identity on exceptions (space, identity, id);
create index exceptions_by_state on exceptions (space, state, id);

insert into new_issuers (space, id, doc, version) select space, id, doc, version from issuers;
drop table issuers;
alter table new_issuers rename to issuers;

insert into new_services (space, id, doc, version) select space, id, doc, version from services;
drop table services;
alter table new_services rename to services;

insert into new_policy_sets (space, id, doc, version) select space, id, doc, version from policy_sets;
drop table policy_sets;
alter table new_policy_sets rename to policy_sets;

insert into new_grants (space, id, doc, version) select space, id, doc, version from grants;
drop table grants;
alter table new_grants rename to grants;
create index grants_by_state on grants (space, state, id);
create index grants_by_actor on grants (space, actor, id);

insert into new_uses (space, id, doc, version) select space, id, doc, version from uses;
drop table uses;
alter table new_uses rename to uses;
create index uses_by_grant on uses (space, "grant", id);

insert into new_sessions (space, id, doc, version) select space, id, doc, version from sessions;
drop table sessions;
alter table new_sessions rename to sessions;
create index sessions_by_state on sessions (space, state, id);
create index sessions_by_grant on sessions (space, "grant", id);
create index sessions_by_token on sessions (space, token, id);
create index sessions_by_identity on sessions (space, identity, id);

insert into new_bindings (space, id, doc, version) select space, id, doc, version from bindings;
drop table bindings;
alter table new_bindings rename to bindings;

insert into new_holds (space, id, doc, version) select space, id, doc, version from holds;
drop table holds;
alter table new_holds rename to holds;
create index holds_by_state on holds (space, state, id);
create index holds_by_grant on holds (space, "grant", id);
create index holds_by_session on holds (space, session, id);

insert into new_approvals (space, id, doc, version) select space, id, doc, version from approvals;
drop table approvals;
alter table new_approvals rename to approvals;
create index approvals_by_subject on approvals (space, subject, id);
create index approvals_by_person on approvals (space, person, id);

insert into new_challenges (space, id, doc, version) select space, id, doc, version from challenges;
drop table challenges;
alter table new_challenges rename to challenges;
create index challenges_by_person on challenges (space, person, id);

insert into new_signals (space, id, doc, version) select space, id, doc, version from signals;
drop table signals;
alter table new_signals rename to signals;
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
`

export const rulesAgain = `
create trigger identity_name_fixed after update on identities when old.name is not new.name
begin select raise(abort, 'identity_name_fixed'); end;

create trigger exception_life after update on exceptions when old.state <> new.state
  and old.state || ' > ' || new.state not in (
    'proposed > active', 'proposed > denied', 'proposed > withdrawn',
    'active > ended')
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

create trigger change_set_life after update on change_sets when old.state <> new.state
  and old.state || ' > ' || new.state not in ('proposed > applied', 'proposed > denied', 'proposed > withdrawn', 'proposed > stale', 'proposed > expired')
begin select raise(abort, 'change_set_life'); end;
create trigger change_set_kept before delete on change_sets begin select raise(abort, 'change_set_kept'); end;
`

// A store that has nothing yet takes over the version of the one that it is restored from. Signatures are added to a checkpoint at its end.
export const logAgain = `
drop trigger latest_goes_on;
create trigger latest_goes_on after update on latest
when (new.version <> old.version + 1 and old.version <> 0) or new.version <= old.version or new.at < old.at
begin select raise(abort, 'latest_goes_on'); end;

drop trigger checkpoint_fixed;
create trigger checkpoint_fixed before update on checkpoints
when new.place <> old.place or new.size <> old.size or substr(new.note, 1, length(old.note)) <> old.note
begin select raise(abort, 'checkpoint_fixed'); end;
`
