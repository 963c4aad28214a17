/** The third step of the schema in PostgreSQL: several control nodes at once, and the changes that they hear of each other. */

// A node is a name; the one without is a process that wants to be alone. `term` goes up each time a process takes that name, and `who` is one
// run of one process, or nobody: every transaction that writes asks for both. `mark` is the transaction of that node that wrote last. Signs of
// life are kept apart, so that they wait for no transaction. A change is kept in one part or more, so that no text grows beyond a few
// documents; `entries` is how many entries of the ledger it recorded.
export const nodes = `
create table nodes (
  name text collate "C" not null,
  term bigint not null,
  mark bigint not null,
  who text not null,
  holder text not null,
  since bigint not null,
  state text not null,
  constraint node_key primary key (name),
  constraint node_name_bounded check (length(name) <= 64),
  constraint node_state_known check (state in ('there', 'left', 'given up'))
);
create trigger node_goes_on after update on nodes for each row
  when (new.term < old.term or new.name <> old.name) execute function remit_refuse('node_goes_on');

create table node_beats (
  name text collate "C" not null,
  beat bigint not null,
  constraint node_beat_key primary key (name)
);

create table changes (
  version bigint not null,
  part bigint not null,
  parts bigint not null,
  at bigint not null,
  space text collate "C" not null,
  entries bigint not null,
  doc text not null,
  constraint change_key primary key (version, part),
  constraint change_parts check (part >= 0 and part < parts),
  constraint change_doc check (octet_length(doc) <= 16777216)
);
create trigger change_fixed after update on changes for each row execute function remit_refuse('change_fixed');

create table write_turn (
  one bigint not null,
  constraint write_turn_key primary key (one)
);
`

// Whoever held the database alone before is shut out by the term that its transactions ask for.
export const afterTheOne = `
update holder set term = term + 1, mark = 0, who = '', name = 'several nodes', released = 1;
`
