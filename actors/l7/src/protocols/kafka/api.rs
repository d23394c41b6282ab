//! The requests of Kafka's protocol, by their keys ("Kafka protocol guide", and the schemas of messages in its
//! sources).

/// Where a response says how the request went, after the time for which it was throttled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is not read here.
    Unknown,
    /// First of all.
    First,
    /// First in each element of a list.
    Each,
    /// Second in each element of a list, after a name.
    Named,
    /// In a list of topics, each a name and a list of partitions, each a number and its code.
    Topics,
    /// Somewhere of its own.
    Own,
}

/// A kind of request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api {
    pub(super) name: &'static str,
    /// The first version of compact texts and lists, and of tagged fields.
    flexible: i16,
    /// The first version whose response begins with the time for which it was throttled.
    throttled: i16,
    pub(super) place: Place,
}

impl Api {
    /// Texts and lists of this version are compact, and there are tagged fields.
    pub(super) const fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible
    }

    /// A response of this version begins with the time for which it was throttled.
    pub(super) const fn is_throttled(&self, version: i16) -> bool {
        version >= self.throttled
    }
}

const NEVER: i16 = i16::MAX;

const fn api(name: &'static str, flexible: i16, throttled: i16, place: Place) -> Api {
    Api {
        name,
        flexible,
        throttled,
        place,
    }
}

use Place::{Each, First, Named, Own, Topics, Unknown};

/// By key.
static APIS: &[Api] = &[
    api("Produce", 9, NEVER, Own),
    api("Fetch", 12, 1, Own),
    api("ListOffsets", 6, 2, Own),
    api("Metadata", 9, 3, Own),
    api("LeaderAndIsr", 4, NEVER, First),
    api("StopReplica", 2, NEVER, First),
    api("UpdateMetadata", 6, NEVER, First),
    api("ControlledShutdown", 3, NEVER, First),
    api("OffsetCommit", 8, 3, Topics),
    api("OffsetFetch", 6, 3, Own),
    api("FindCoordinator", 3, 1, Own),
    api("JoinGroup", 6, 2, First),
    api("Heartbeat", 4, 1, First),
    api("LeaveGroup", 4, 1, First),
    api("SyncGroup", 4, 1, First),
    api("DescribeGroups", 5, 1, Each),
    api("ListGroups", 3, 1, First),
    api("SaslHandshake", NEVER, NEVER, First),
    api("ApiVersions", 3, NEVER, First),
    api("CreateTopics", 5, 2, Own),
    api("DeleteTopics", 4, 1, Own),
    api("DeleteRecords", 2, 0, Own),
    api("InitProducerId", 2, 0, First),
    api("OffsetForLeaderEpoch", 4, 2, Own),
    api("AddPartitionsToTxn", 3, 0, Own),
    api("AddOffsetsToTxn", 3, 0, First),
    api("EndTxn", 3, 0, First),
    api("WriteTxnMarkers", 1, NEVER, Unknown),
    api("TxnOffsetCommit", 3, 0, Topics),
    api("DescribeAcls", 2, 0, First),
    api("CreateAcls", 2, 0, Each),
    api("DeleteAcls", 2, 0, Each),
    api("DescribeConfigs", 4, 0, Each),
    api("AlterConfigs", 2, 0, Each),
    api("AlterReplicaLogDirs", 2, 0, Topics),
    api("DescribeLogDirs", 2, 0, Own),
    api("SaslAuthenticate", 2, NEVER, First),
    api("CreatePartitions", 2, 0, Named),
    api("CreateDelegationToken", 2, NEVER, First),
    api("RenewDelegationToken", 2, NEVER, First),
    api("ExpireDelegationToken", 2, NEVER, First),
    api("DescribeDelegationToken", 2, NEVER, First),
    api("DeleteGroups", 2, 0, Named),
    api("ElectLeaders", 2, 0, Own),
    api("IncrementalAlterConfigs", 1, 0, Each),
    api("AlterPartitionReassignments", 0, 0, Own),
    api("ListPartitionReassignments", 0, 0, First),
    api("OffsetDelete", NEVER, NEVER, First),
    api("DescribeClientQuotas", 1, 0, First),
    api("AlterClientQuotas", 1, 0, Each),
    api("DescribeUserScramCredentials", 0, 0, First),
    api("AlterUserScramCredentials", 0, 0, Named),
    api("Vote", 0, NEVER, First),
    api("BeginQuorumEpoch", 1, NEVER, First),
    api("EndQuorumEpoch", 1, NEVER, First),
    api("DescribeQuorum", 0, NEVER, First),
    api("AlterPartition", 0, 0, First),
    api("UpdateFeatures", 0, 0, First),
    api("Envelope", 0, NEVER, Unknown),
    api("FetchSnapshot", 0, 0, First),
    api("DescribeCluster", 0, 0, First),
    api("DescribeProducers", 0, 0, Topics),
    api("BrokerRegistration", 0, 0, First),
    api("BrokerHeartbeat", 0, 0, First),
    api("UnregisterBroker", 0, 0, First),
    api("DescribeTransactions", 0, 0, Each),
    api("ListTransactions", 0, 0, First),
    api("AllocateProducerIds", 0, 0, First),
    api("ConsumerGroupHeartbeat", 0, 0, First),
    api("ConsumerGroupDescribe", 0, 0, Each),
    api("ControllerRegistration", 0, 0, First),
    api("GetTelemetrySubscriptions", 0, 0, First),
    api("PushTelemetry", 0, 0, First),
    api("AssignReplicasToDirs", 0, 0, First),
    api("ListConfigResources", 0, 0, First),
    api("DescribeTopicPartitions", 0, 0, Each),
    api("ShareGroupHeartbeat", 0, 0, First),
    api("ShareGroupDescribe", 0, 0, Each),
    api("ShareFetch", 0, 0, First),
    api("ShareAcknowledge", 0, 0, First),
    api("AddRaftVoter", 0, 0, First),
    api("RemoveRaftVoter", 0, 0, First),
    api("UpdateRaftVoter", 0, 0, First),
    api("InitializeShareGroupState", 0, NEVER, Unknown),
    api("ReadShareGroupState", 0, NEVER, Unknown),
    api("WriteShareGroupState", 0, NEVER, Unknown),
    api("DeleteShareGroupState", 0, NEVER, Unknown),
    api("ReadShareGroupStateSummary", 0, NEVER, Unknown),
    api("StreamsGroupHeartbeat", 0, 0, First),
    api("StreamsGroupDescribe", 0, 0, Each),
    api("DescribeShareGroupOffsets", 0, 0, Unknown),
    api("AlterShareGroupOffsets", 0, 0, First),
    api("DeleteShareGroupOffsets", 0, 0, First),
];

/// The kind of request that has this key.
pub(super) fn find(key: i16) -> Option<&'static Api> {
    APIS.get(usize::try_from(key).ok()?)
}

pub(super) const PRODUCE: i16 = 0;
pub(super) const FETCH: i16 = 1;
pub(super) const LIST_OFFSETS: i16 = 2;
pub(super) const METADATA: i16 = 3;
pub(super) const CONTROLLED_SHUTDOWN: i16 = 7;
pub(super) const OFFSET_COMMIT: i16 = 8;
pub(super) const OFFSET_FETCH: i16 = 9;
pub(super) const FIND_COORDINATOR: i16 = 10;
pub(super) const JOIN_GROUP: i16 = 11;
pub(super) const HEARTBEAT: i16 = 12;
pub(super) const LEAVE_GROUP: i16 = 13;
pub(super) const SYNC_GROUP: i16 = 14;
pub(super) const DESCRIBE_GROUPS: i16 = 15;
pub(super) const SASL_HANDSHAKE: i16 = 17;
pub(super) const API_VERSIONS: i16 = 18;

pub(super) const CREATE_TOPICS: i16 = 19;
pub(super) const DELETE_TOPICS: i16 = 20;
pub(super) const DELETE_RECORDS: i16 = 21;
pub(super) const OFFSET_FOR_LEADER_EPOCH: i16 = 23;
pub(super) const ADD_PARTITIONS_TO_TXN: i16 = 24;
pub(super) const ADD_OFFSETS_TO_TXN: i16 = 25;
pub(super) const TXN_OFFSET_COMMIT: i16 = 28;
pub(super) const DESCRIBE_LOG_DIRS: i16 = 35;
pub(super) const SASL_AUTHENTICATE: i16 = 36;
pub(super) const CREATE_PARTITIONS: i16 = 37;
pub(super) const DELETE_GROUPS: i16 = 42;
pub(super) const ELECT_LEADERS: i16 = 43;
pub(super) const ALTER_PARTITION_REASSIGNMENTS: i16 = 45;
pub(super) const OFFSET_DELETE: i16 = 47;
pub(super) const CONSUMER_GROUP_HEARTBEAT: i16 = 68;
pub(super) const CONSUMER_GROUP_DESCRIBE: i16 = 69;
pub(super) const SHARE_GROUP_HEARTBEAT: i16 = 76;
pub(super) const SHARE_FETCH: i16 = 78;
pub(super) const STREAMS_GROUP_HEARTBEAT: i16 = 88;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_where_they_belong() {
        for (key, name) in [
            (PRODUCE, "Produce"),
            (FETCH, "Fetch"),
            (JOIN_GROUP, "JoinGroup"),
            (API_VERSIONS, "ApiVersions"),
            (TXN_OFFSET_COMMIT, "TxnOffsetCommit"),
            (OFFSET_DELETE, "OffsetDelete"),
            (CONSUMER_GROUP_HEARTBEAT, "ConsumerGroupHeartbeat"),
            (STREAMS_GROUP_HEARTBEAT, "StreamsGroupHeartbeat"),
            (92, "DeleteShareGroupOffsets"),
        ] {
            assert_eq!(find(key).unwrap().name, name);
        }
        assert!(find(-1).is_none() && find(93).is_none());
        assert!(find(PRODUCE).unwrap().is_flexible(9) && !find(PRODUCE).unwrap().is_flexible(8));
    }
}
