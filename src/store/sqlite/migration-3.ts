/** The third step of the schema: gateways that run elsewhere. */

export const gateways = `
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

create trigger gateway_life after update on gateways when old.state <> new.state
  and old.state || ' > ' || new.state not in ('invited > enrolled', 'invited > removed', 'enrolled > removed')
begin select raise(abort, 'gateway_life'); end;
create trigger gateway_binding_fixed after update on gateways
when (old.key is not null and new.state <> 'invited' and new.key is not old.key) or new.code_hash <> old.code_hash or new.name <> old.name
begin select raise(abort, 'gateway_binding_fixed'); end;
create trigger gateway_kept before delete on gateways begin select raise(abort, 'gateway_kept'); end;
`
