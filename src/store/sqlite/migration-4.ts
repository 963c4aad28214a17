/** The fourth step of the schema: applications that bring a Cedar schema, policies and entities of their own. */

export const applications = `
create table applications (
  space text not null,
  id text not null,
  doc text not null,
  version integer not null,
  constraint application_key primary key (space, id),
  constraint application_id check (length(id) between 1 and 256),
  constraint application_doc check (json_valid(doc) and octet_length(doc) <= 4194304 and doc ->> '$.id' is id and doc ->> '$.space' is space)
) strict;

create trigger application_removed_stays after update on applications
  when old.doc ->> '$.removedAt' is not null and new.doc ->> '$.removedAt' is null
begin select raise(abort, 'application_removed_stays'); end;
create trigger application_kept before delete on applications begin select raise(abort, 'application_kept'); end;
`
