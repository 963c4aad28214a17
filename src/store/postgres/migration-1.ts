/** The first step of the schema in PostgreSQL: the lives under triggers, the log, the keeping of time, and who holds the database. */

export const refusing = `
create function remit_refuse() returns trigger language plpgsql as $$
begin
  raise exception '%', tg_argv[0] using errcode = 'integrity_constraint_violation';
end $$;
`

export const rules = `
create trigger identity_name_fixed after update on identities for each row
  when (old.name is distinct from new.name)
  execute function remit_refuse('identity_name_fixed');
create trigger exception_life after update on exceptions for each row
  when (old.state <> new.state
  and old.state || ' > ' || new.state not in (
    'proposed > active', 'proposed > denied', 'proposed > withdrawn',
    'active > ended'))
  execute function remit_refuse('exception_life');
create trigger grant_life after update on grants for each row
  when (old.state <> new.state
  and old.state || ' > ' || new.state not in (
    'requested > pending', 'requested > denied',
    'pending > approved', 'pending > denied', 'pending > withdrawn',
    'approved > active', 'approved > unclaimed',
    'active > ended'))
  execute function remit_refuse('grant_life');
create trigger session_life after update on sessions for each row
  when (old.state <> new.state
  and old.state || ' > ' || new.state not in ('live > ended'))
  execute function remit_refuse('session_life');
create trigger hold_life after update on holds for each row
  when (old.state <> new.state
  and old.state || ' > ' || new.state not in (
    'waiting > approved', 'waiting > denied', 'waiting > expired', 'waiting > withdrawn',
    'approved > spent', 'approved > expired', 'approved > withdrawn'))
  execute function remit_refuse('hold_life');
create trigger uses_never_come_back after update on uses for each row
  when (new.spent < old.spent)
  execute function remit_refuse('uses_never_come_back');
create trigger approval_is_signed after update on approvals for each row
  when (old.doc <> new.doc)
  execute function remit_refuse('approval_is_signed');
create trigger identity_kept before delete on identities for each row
  execute function remit_refuse('identity_kept');
create trigger identity_kept_whole before truncate on identities execute function remit_refuse('identity_kept');
create trigger credential_kept before delete on credentials for each row
  execute function remit_refuse('credential_kept');
create trigger credential_kept_whole before truncate on credentials execute function remit_refuse('credential_kept');
create trigger exception_kept before delete on exceptions for each row
  execute function remit_refuse('exception_kept');
create trigger exception_kept_whole before truncate on exceptions execute function remit_refuse('exception_kept');
create trigger grant_kept before delete on grants for each row
  execute function remit_refuse('grant_kept');
create trigger grant_kept_whole before truncate on grants execute function remit_refuse('grant_kept');
create trigger uses_kept before delete on uses for each row
  execute function remit_refuse('uses_kept');
create trigger uses_kept_whole before truncate on uses execute function remit_refuse('uses_kept');
create trigger session_kept before delete on sessions for each row
  execute function remit_refuse('session_kept');
create trigger session_kept_whole before truncate on sessions execute function remit_refuse('session_kept');
create trigger hold_kept before delete on holds for each row
  execute function remit_refuse('hold_kept');
create trigger hold_kept_whole before truncate on holds execute function remit_refuse('hold_kept');
create trigger approval_kept before delete on approvals for each row
  execute function remit_refuse('approval_kept');
create trigger approval_kept_whole before truncate on approvals execute function remit_refuse('approval_kept');
create trigger change_set_life after update on change_sets for each row
  when (old.state <> new.state
  and old.state || ' > ' || new.state not in ('proposed > applied', 'proposed > denied', 'proposed > withdrawn', 'proposed > stale', 'proposed > expired'))
  execute function remit_refuse('change_set_life');
create trigger change_set_kept before delete on change_sets for each row
  execute function remit_refuse('change_set_kept');
create trigger change_set_kept_whole before truncate on change_sets execute function remit_refuse('change_set_kept');
`

export const log = `
create table latest (
  one bigint not null,
  version bigint not null,
  at bigint not null,
  constraint latest_key primary key (one),
  constraint latest_is_one check (one = 1)
);
insert into latest (one, version, at) values (1, 0, 0);
create trigger latest_goes_on after update on latest for each row
  when ((new.version <> old.version + 1 and old.version <> 0) or new.version <= old.version or new.at < old.at)
  execute function remit_refuse('latest_goes_on');
create trigger latest_kept before delete on latest for each row execute function remit_refuse('latest_kept');
create trigger latest_kept_whole before truncate on latest execute function remit_refuse('latest_kept');

create table tree (
  one bigint not null,
  size bigint not null,
  frontier bytea not null,
  checkpoint text not null,
  constraint tree_key primary key (one),
  constraint tree_is_one check (one = 1),
  constraint tree_frontier_whole check (length(frontier) % 32 = 0)
);
insert into tree (one, size, frontier, checkpoint) values (1, 0, '', '');
create trigger tree_grows after update on tree for each row when (new.size < old.size) execute function remit_refuse('tree_grows');
create trigger tree_kept before delete on tree for each row execute function remit_refuse('tree_kept');
create trigger tree_kept_whole before truncate on tree execute function remit_refuse('tree_kept');

create table outbox (
  position bigint not null,
  at bigint not null,
  body text not null,
  salt bytea not null,
  constraint outbox_key primary key (position),
  constraint outbox_body check (octet_length(body) <= 4194304 and body::json is not null),
  constraint outbox_salt check (length(salt) = 32)
);
create function remit_outbox_gapless() returns trigger language plpgsql as $$
begin
  if new.position <> 1 + coalesce((select max(position) from outbox), (select size from tree)) then
    raise exception 'outbox_gapless' using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end $$;
create function remit_outbox_kept() returns trigger language plpgsql as $$
begin
  if old.position > (select size from tree) then
    raise exception 'outbox_kept_until_numbered' using errcode = 'integrity_constraint_violation';
  end if;
  return old;
end $$;
create trigger outbox_gapless before insert on outbox for each row execute function remit_outbox_gapless();
create trigger outbox_fixed before update on outbox for each row execute function remit_refuse('outbox_fixed');
create trigger outbox_kept_until_numbered before delete on outbox for each row execute function remit_outbox_kept();
create trigger outbox_kept_whole before truncate on outbox execute function remit_refuse('outbox_kept_until_numbered');

create table leaves (
  place bigint not null,
  leaf bytea not null,
  body text,
  salt bytea,
  constraint leaf_key primary key (place),
  constraint leaf_place check (place >= 0),
  constraint leaf_length check (length(leaf) = 33),
  constraint leaf_erased_whole check ((body is null) = (salt is null))
);
create trigger leaf_fixed before update on leaves for each row
  when (new.place <> old.place or new.leaf <> old.leaf
    or (new.body is not null and new.body is distinct from old.body) or (new.salt is not null and new.salt is distinct from old.salt))
  execute function remit_refuse('leaf_fixed');
create trigger leaf_kept before delete on leaves for each row execute function remit_refuse('leaf_kept');
create trigger leaf_kept_whole before truncate on leaves execute function remit_refuse('leaf_kept');

create table checkpoints (
  place bigint not null,
  size bigint not null,
  note text not null,
  constraint checkpoint_key primary key (place)
);
create index checkpoints_by_size on checkpoints (size, place);
create trigger checkpoint_fixed before update on checkpoints for each row
  when (new.place <> old.place or new.size <> old.size or substr(new.note, 1, length(old.note)) <> old.note)
  execute function remit_refuse('checkpoint_fixed');
create trigger checkpoint_kept before delete on checkpoints for each row execute function remit_refuse('checkpoint_kept');
create trigger checkpoint_kept_whole before truncate on checkpoints execute function remit_refuse('checkpoint_kept');

create table meta (
  key text collate "C" not null,
  value text not null,
  fixed bigint not null,
  constraint meta_key primary key (key),
  constraint meta_fixed_known check (fixed in (0, 1))
);
create trigger meta_fixed before update on meta for each row when (old.fixed = 1) execute function remit_refuse('meta_fixed');
create trigger meta_fixed_kept before delete on meta for each row when (old.fixed = 1) execute function remit_refuse('meta_fixed_kept');
create trigger meta_kept_whole before truncate on meta execute function remit_refuse('meta_fixed_kept');
`

// `term` goes up each time the database is taken hold of, and every transaction that writes asks for its own: whoever was there before is
// shut out. `mark` is the transaction that wrote last, so that a commit whose answer was lost can be found. `who` is one run of one process.
export const holding = `
create table holder (
  one bigint not null,
  term bigint not null,
  mark bigint not null,
  who text not null,
  name text not null,
  released bigint not null,
  constraint holder_key primary key (one),
  constraint holder_is_one check (one = 1),
  constraint holder_released_known check (released in (0, 1))
);
insert into holder (one, term, mark, who, name, released) values (1, 0, 0, '', '', 1);
create trigger holder_goes_on after update on holder for each row when (new.term < old.term) execute function remit_refuse('holder_goes_on');
create trigger holder_kept before delete on holder for each row execute function remit_refuse('holder_kept');
`
