/** The fourth step of the schema in PostgreSQL: applications that bring a Cedar schema, policies and entities of their own. */

export const applications = `
create table applications (
  space text collate "C" not null,
  id text collate "C" not null,
  doc text not null,
  version bigint not null,
  constraint application_key primary key (space, id),
  constraint application_id check (length(id) between 1 and 256),
  constraint application_doc check (octet_length(doc) <= 4194304 and remit_member(doc, 'id') is not distinct from id and remit_member(doc, 'space') is not distinct from space)
);

create trigger application_removed_stays after update on applications for each row
  when (remit_member(old.doc, 'removedAt') is not null and remit_member(new.doc, 'removedAt') is null)
  execute function remit_refuse('application_removed_stays');
create trigger application_kept before delete on applications for each row
  execute function remit_refuse('application_kept');
create trigger application_kept_whole before truncate on applications execute function remit_refuse('application_kept');
`
