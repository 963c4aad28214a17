/** The fifth step of the schema: who has read what anybody may have written. */

export const untrustedReadings = `
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

create trigger untrusted_reading_fixed after update on untrusted_readings when new.doc <> old.doc
begin select raise(abort, 'untrusted_reading_fixed'); end;
`
