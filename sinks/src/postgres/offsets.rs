//! Exactly once: how far partitions are, in a table beside the data.

use sluice_connector_api::{Failure, FencingToken, PositionStep, StoredPosition, TakenOver, TopicPartition};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use crate::postgres::names::TableName;
use crate::postgres::verdict::failure;

/// The statements for a table of offsets.
#[derive(Clone, Debug)]
pub(super) struct OffsetsTable {
    pub(super) name: TableName,
    pub(super) create: String,
    pub(super) take_over: String,
    step: String,
    look: String,
}

impl OffsetsTable {
    /// Names the table. The error says what is wrong with the name.
    pub(super) fn new(name: &str) -> Result<Self, String> {
        let name = TableName::parse(name)?;
        let table = name.quoted();
        let create = format!(
            "create table if not exists {table} (consumer_group text not null, topic text not null, partition integer not null, \
             next_offset bigint, parts integer not null default 0, mark text not null default '', token bigint not null, \
             stored_at timestamptz, primary key (consumer_group, topic, partition))"
        );
        let take_over = format!(
            "insert into {table} as o (consumer_group, topic, partition, token) \
             select $1, v.topic, v.partition, 1 from unnest($2::text[], $3::int4[]) as v(topic, partition) \
             on conflict (consumer_group, topic, partition) do update set token = o.token + 1 \
             returning o.topic, o.partition, o.token, o.next_offset, o.parts, o.mark"
        );
        let step = format!(
            "update {table} as o set next_offset = v.to_offset, parts = v.to_parts, mark = v.to_mark, stored_at = now() \
             from unnest($2::text[], $3::int4[], $4::int8[], $5::int8[], $6::int4[], $7::text[], $8::int8[], $9::int4[], \
             $10::text[]) as v(topic, partition, token, from_offset, from_parts, from_mark, to_offset, to_parts, to_mark) \
             cross join (select set_config('idle_in_transaction_session_timeout', '60s', true)) as bounded \
             where o.consumer_group = $1 and o.topic = v.topic and o.partition = v.partition and o.token = v.token \
             and o.next_offset is not distinct from v.from_offset \
             and (v.from_offset is null or o.parts = v.from_parts and o.mark = v.from_mark)"
        );
        let look = format!(
            "select o.topic, o.partition, o.token, o.next_offset, o.parts, o.mark from {table} as o \
             join unnest($2::text[], $3::int4[]) as v(topic, partition) \
             on o.topic = v.topic and o.partition = v.partition where o.consumer_group = $1"
        );
        Ok(Self { name, create, take_over, step, look })
    }
}

/// The positions that go with a batch.
pub(super) struct BatchOffsets<'a> {
    pub(super) table: &'a OffsetsTable,
    pub(super) group: &'a str,
    pub(super) steps: &'a [PositionStep],
}

/// What became of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stepped {
    /// They go with the transaction.
    Done,
    /// They are where they should go: the batch is stored.
    StoredAlready,
}

/// Steps as lists, for one statement.
#[derive(Default)]
struct Lists<'a> {
    topics: Vec<&'a str>,
    partitions: Vec<i32>,
    tokens: Vec<i64>,
    from: Columns<'a>,
    to: Columns<'a>,
}

#[derive(Default)]
struct Columns<'a> {
    offsets: Vec<Option<i64>>,
    parts: Vec<i32>,
    marks: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, position: Option<&'a StoredPosition>) {
        self.offsets.push(position.map(|position| position.offset));
        self.parts.push(position.map_or(0, |position| parts_of(position.parts)));
        self.marks.push(position.map_or("", |position| &*position.mark));
    }
}

/// Counts parts as the table does.
fn parts_of(parts: u32) -> i32 {
    i32::try_from(parts).unwrap_or(i32::MAX)
}

impl<'a> Lists<'a> {
    fn of(steps: &'a [PositionStep]) -> Self {
        let mut lists = Self::default();
        for PositionStep { partition, from, to, token } in steps {
            lists.topics.push(&*partition.topic);
            lists.partitions.push(partition.partition);
            // Tokens begin with 1, so that one of somebody else's making fits no row.
            lists.tokens.push(token.as_str().parse().unwrap_or(0));
            lists.from.push(from.as_ref());
            lists.to.push(Some(to));
        }
        lists
    }
}

impl BatchOffsets<'_> {
    /// Takes positions on, within the transaction of a client. Where they are not what they should be, nothing may be stored.
    pub(super) async fn step(&self, client: &Client) -> Result<Stepped, Failure> {
        let lists = Lists::of(self.steps);
        let Lists { topics, partitions, tokens, from, to } = &lists;
        let parameters: [(&(dyn ToSql + Sync), Type); 10] = [
            (&self.group, Type::TEXT),
            (topics, Type::TEXT_ARRAY),
            (partitions, Type::INT4_ARRAY),
            (tokens, Type::INT8_ARRAY),
            (&from.offsets, Type::INT8_ARRAY),
            (&from.parts, Type::INT4_ARRAY),
            (&from.marks, Type::TEXT_ARRAY),
            (&to.offsets, Type::INT8_ARRAY),
            (&to.parts, Type::INT4_ARRAY),
            (&to.marks, Type::TEXT_ARRAY),
        ];
        let stepped = client.execute_typed(&self.table.step, &parameters).await;
        let stepped = stepped.map_err(|error| failure(&self.what(), error))?;
        if usize::try_from(stepped) == Ok(self.steps.len()) {
            return Ok(Stepped::Done);
        }
        self.judge(client, stepped == 0).await
    }

    /// Finds out why positions could not be taken on.
    async fn judge(&self, client: &Client, is_untouched: bool) -> Result<Stepped, Failure> {
        let Lists { topics, partitions, .. } = Lists::of(self.steps);
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&self.group, Type::TEXT), (&topics, Type::TEXT_ARRAY), (&partitions, Type::INT4_ARRAY)];
        let rows = client.query_typed(&self.table.look, &parameters).await;
        let stored = rows.and_then(|rows| rows.iter().map(taken_over).collect::<Result<Vec<_>, _>>());
        let stored = stored.map_err(|error| failure(&self.what(), error))?;
        let mut are_there = true;
        for step in self.steps {
            let stored = stored.iter().find(|stored| stored.partition == step.partition);
            let Some(stored) = stored.filter(|stored| stored.token == step.token) else {
                return Err(Failure::fatal(format!(
                    "{} was taken over by another process, which stores its records now",
                    step.partition
                )));
            };
            are_there &= stored.position.as_ref() == Some(&step.to);
        }
        if are_there && is_untouched {
            return Ok(Stepped::StoredAlready);
        }
        let first = self.steps.first().map(|step| step.partition.to_string()).unwrap_or_default();
        Err(Failure::fatal(format!(
            "the position of {first} in the table {} is not where the batch begins; the connector begins again from there",
            self.table.name.written()
        )))
    }

    fn what(&self) -> String {
        format!("storing positions in the table {}", self.table.name.written())
    }
}

/// Reads a row of positions.
pub(super) fn taken_over(row: &Row) -> Result<TakenOver, Error> {
    let (topic, partition, token): (&str, i32, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (offset, parts, mark): (Option<i64>, i32, &str) = (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
    let parts = u32::try_from(parts).unwrap_or(0);
    Ok(TakenOver {
        partition: TopicPartition::new(topic, partition),
        token: FencingToken::new(token.to_string()),
        position: offset.map(|offset| StoredPosition::new(offset, parts, mark)),
    })
}
