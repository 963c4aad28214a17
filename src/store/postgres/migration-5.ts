/** The fifth step of the schema in PostgreSQL: who has read what anybody may have written. */

export const untrustedReadings = `
create table untrusted_readings (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  identity text collate "C" not null generated always as (remit_member(doc, 'identity')) stored,
  "grant" text collate "C" not null generated always as (remit_member(doc, 'grant')) stored,
  expires_at bigint not null generated always as (remit_member(doc, 'expiresAt')::bigint) stored,
  constraint untrusted_reading_key primary key (space, id),
  constraint untrusted_reading_id check (substr(id, 1, 4) = 'ses_' and length(id) = 61),
  constraint untrusted_reading_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);
create index untrusted_readings_by_identity on untrusted_readings (space, identity, id);
create index untrusted_readings_by_grant on untrusted_readings (space, "grant", id);

create trigger untrusted_reading_fixed after update on untrusted_readings for each row
  when (new.doc <> old.doc) execute function remit_refuse('untrusted_reading_fixed');
`
