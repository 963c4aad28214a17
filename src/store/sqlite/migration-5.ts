/** The fifth step of the schema: who has read what anybody may have written; policies that are read once when they are written. */

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

/** A thousand policies are a megabyte: each member that the check names by itself would have it parsed once more. */
export const policySetsReadOnce = `
create table new_policy_sets (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  constraint policy_set_key primary key (space, id),
  constraint policy_set_id check (length(id) between 1 and 256),
  constraint policy_set_doc check (octet_length(doc) <= 4194304 and json_extract(doc, '$.id', '$.space') is json_array(id, space))
) strict;
insert into new_policy_sets (space, id, doc, version) select space, id, doc, version from policy_sets;
drop table policy_sets;
alter table new_policy_sets rename to policy_sets;
`
