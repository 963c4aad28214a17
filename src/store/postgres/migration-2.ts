/** The second step of the schema in PostgreSQL: gateways that run elsewhere. */

export const gateways = `
create table gateways (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  name text collate "C" not null generated always as (remit_member(doc, 'name')) stored,
  state text collate "C" not null generated always as (remit_member(doc, 'state')) stored,
  key text collate "C" generated always as (remit_member(doc, 'key')) stored,
  code_hash text collate "C" not null generated always as (remit_member(doc, 'codeHash')) stored,
  code_ends_at bigint not null generated always as (remit_member(doc, 'codeEndsAt')::bigint) stored,
  constraint gateway_key primary key (space, id),
  constraint gateway_id check (substr(id, 1, 4) = 'gtw_' and length(id) = 30),
  constraint gateway_state_known check (state in ('invited', 'enrolled', 'removed')),
  constraint gateway_enrolled_has_key check (state <> 'enrolled' or key is not null),
  constraint gateway_code_once unique (space, code_hash),
  constraint gateway_public_key_once unique (space, key),
  constraint gateway_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index gateways_by_name on gateways (space, name, id);
create index gateways_by_state on gateways (space, state, id);
create unique index gateway_name_once on gateways (space, name) where state <> 'removed';

create trigger gateway_life after update on gateways for each row
  when (old.state <> new.state
  and old.state || ' > ' || new.state not in ('invited > enrolled', 'invited > removed', 'enrolled > removed'))
  execute function remit_refuse('gateway_life');
create trigger gateway_binding_fixed after update on gateways for each row
  when ((old.key is not null and new.state <> 'invited' and new.key is distinct from old.key) or new.code_hash <> old.code_hash or new.name <> old.name)
  execute function remit_refuse('gateway_binding_fixed');
create trigger gateway_kept before delete on gateways for each row
  execute function remit_refuse('gateway_kept');
create trigger gateway_kept_whole before truncate on gateways execute function remit_refuse('gateway_kept');
`
