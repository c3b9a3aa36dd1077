{-# LANGUAGE OverloadedStrings #-}
-- | The routes of the API as functions. Generated from the node's OpenAPI document by bindings/gen; do not edit.
--
-- Import it qualified: @import qualified P2PRC.Routes as Node@. Arguments of a path
-- are what a person types: names and unique parts of ids. A 'Query' is named
-- values, as @[("follow", "true")]@; its names stand at the function.
module P2PRC.Routes where

import Data.Aeson (Value)
import Data.ByteString (ByteString)
import Data.Int (Int64)
import Data.Map.Strict (Map)
import Data.Text (Text)

import P2PRC.Client
import P2PRC.Types

-- | dial an address and learn whose it is.
addPeer :: Client -> AddrRequest -> IO (Either Error Peer)
addPeer c b = value c (request "POST" (mconcat ["/v1/peers"]) [] (json b))

-- | put containers into a group.
addToGroup :: Client -> Text -> GroupChange -> IO (Either Error Group)
addToGroup c pGroup b = value c (request "POST" (mconcat ["/v1/groups/", segment pGroup, "/add"]) [] (json b))

-- | the content store at a glance.
blobStats :: Client -> IO (Either Error BlobStats)
blobStats c = value c (request "GET" (mconcat ["/v1/blobs"]) [] nobody)

-- | end a job.
cancelJob :: Client -> Text -> Maybe ReasonRequest -> IO (Either Error ())
cancelJob c pJob b = done c (request "POST" (mconcat ["/v1/jobs/", segment pJob, "/cancel"]) [] (maybe nobody json b))

-- | what members map through this node.
carried :: Client -> IO (Either Error [Carried])
carried c = value c (request "GET" (mconcat ["/v1/lend/mappings"]) [] nobody)

-- | end a member's mapping and its connections.
closeCarried :: Client -> Text -> IO (Either Error ())
closeCarried c pId = done c (request "POST" (mconcat ["/v1/lend/mappings/", segment pId, "/close"]) [] nobody)

-- | end a member's connection.
closeTunnel :: Client -> Text -> IO (Either Error ())
closeTunnel c pId = done c (request "POST" (mconcat ["/v1/lend/tunnels/", segment pId, "/close"]) [] nobody)

-- | what its main command printed. Query: @follow@, @tail@. Rows are handed out until one is answered with False.
containerLogs :: Client -> Text -> Query -> (ContainerLog -> IO Bool) -> IO (Either Error ())
containerLogs c pContainer q each = rows c (request "GET" (mconcat ["/v1/containers/", segment pContainer, "/logs"]) q nobody) each

-- | what a container uses, once or once a second. Query: @follow@. Rows are handed out until one is answered with False.
containerStats :: Client -> Text -> Query -> (Container -> IO Bool) -> IO (Either Error ())
containerStats c pContainer q each = rows c (request "GET" (mconcat ["/v1/containers/", segment pContainer, "/stats"]) q nobody) each

-- | what this node has at its lenders, with what it uses.
containers :: Client -> IO (Either Error [Container])
containers c = value c (request "GET" (mconcat ["/v1/containers"]) [] nobody)

-- | have a peer make a long-lived container. Rows are handed out until one is answered with False.
createContainer :: Client -> Text -> ContainerSpec -> (ContainerEvent -> IO Bool) -> IO (Either Error ())
createContainer c pPeer b each = rows c (request "POST" (mconcat ["/v1/peers/", segment pPeer, "/containers"]) [] (json b)) each

-- | make a group.
createGroup :: Client -> Group -> IO (Either Error Group)
createGroup c b = value c (request "POST" (mconcat ["/v1/groups"]) [] (json b))

-- | make an invite.
createInvite :: Client -> InviteRequest -> IO (Either Error InviteToken)
createInvite c b = value c (request "POST" (mconcat ["/v1/invites"]) [] (json b))

-- | the node's place in the network, looked at now, with advice.
doctor :: Client -> IO (Either Error Diagnosis)
doctor c = value c (request "GET" (mconcat ["/v1/doctor"]) [] nobody)

-- | take no more, let what runs end.
drainLending :: Client -> Maybe ReasonRequest -> IO (Either Error ())
drainLending c b = done c (request "POST" (mconcat ["/v1/lend/drain"]) [] (maybe nobody json b))

-- | what happens, from a cursor on. Query: @since@, @follow@. Rows are handed out until one is answered with False.
events :: Client -> Query -> (Event -> IO Bool) -> IO (Either Error ())
events c q each = rows c (request "GET" (mconcat ["/v1/events"]) q nobody) each

-- | the network's key, encrypted.
exportKey :: Client -> KeyRequest -> IO (Either Error NetworkKey)
exportKey c b = value c (request "POST" (mconcat ["/v1/network/key/export"]) [] (json b))

-- | a local port that leads to a peer or a container, as long as the request lasts. Rows are handed out until one is answered with False.
forward :: Client -> ForwardSpec -> (ForwardEvent -> IO Bool) -> IO (Either Error ())
forward c b each = rows c (request "POST" (mconcat ["/v1/forward"]) [] (json b)) each

-- | drop what nothing needs any more.
gcBlobs :: Client -> IO (Either Error GCResult)
gcBlobs c = value c (request "POST" (mconcat ["/v1/blobs/gc"]) [] nobody)

-- | download bytes, also a range of them.
getBlob :: Client -> Text -> IO (Either Error ByteString)
getBlob c pId = bytes c (request "GET" (mconcat ["/v1/blobs/", segment pId]) [] nobody)

-- | a folder's manifest.
getTree :: Client -> Text -> IO (Either Error Tree)
getTree c pId = value c (request "GET" (mconcat ["/v1/trees/", segment pId]) [] nobody)

-- | one group.
group :: Client -> Text -> IO (Either Error Group)
group c pGroup = value c (request "GET" (mconcat ["/v1/groups/", segment pGroup]) [] nobody)

-- | named sets of containers.
groups :: Client -> IO (Either Error [Group])
groups c = value c (request "GET" (mconcat ["/v1/groups"]) [] nobody)

-- | the images of the node's container engine; to peers those that they may run.
images :: Client -> IO (Either Error [Image])
images c = value c (request "GET" (mconcat ["/v1/images"]) [] nobody)

-- | upload an image's archive, to be sent by its id.
importImage :: Client -> ByteString -> IO (Either Error Image)
importImage c b = value c (request "POST" (mconcat ["/v1/images"]) [] (raw "application/x-tar" b))

-- | invites made here.
invites :: Client -> IO (Either Error [Invite])
invites c = value c (request "GET" (mconcat ["/v1/invites"]) [] nobody)

-- | one job with what was submitted.
job :: Client -> Text -> IO (Either Error JobDetail)
job c pJob = value c (request "GET" (mconcat ["/v1/jobs/", segment pJob]) [] nobody)

-- | jobs, running and ended.
jobs :: Client -> IO (Either Error [Job])
jobs c = value c (request "GET" (mconcat ["/v1/jobs"]) [] nobody)

-- | go into the network of an invite.
join :: Client -> JoinRequest -> IO (Either Error JoinResult)
join c b = value c (request "POST" (mconcat ["/v1/join"]) [] (json b))

-- | end a sandbox with all that is in it.
killSandbox :: Client -> Text -> Maybe ReasonRequest -> IO (Either Error ())
killSandbox c pId b = done c (request "POST" (mconcat ["/v1/lend/sandboxes/", segment pId, "/kill"]) [] (maybe nobody json b))

-- | leave the network for a new one of its own.
leave :: Client -> IO (Either Error ())
leave c = done c (request "POST" (mconcat ["/v1/leave"]) [] nobody)

-- | the lending side at a glance.
lend :: Client -> IO (Either Error LendStatus)
lend c = value c (request "GET" (mconcat ["/v1/lend"]) [] nobody)

-- | what is lent at most.
limits :: Client -> IO (Either Error Limits)
limits c = value c (request "GET" (mconcat ["/v1/lend/limits"]) [] nobody)

-- | the long-lived containers that other limits would take away.
limitsEnd :: Client -> Limits -> IO (Either Error [Sandbox])
limitsEnd c b = value c (request "POST" (mconcat ["/v1/lend/limits/ends"]) [] (json b))

-- | open a port at a gateway, and keep it open.
map :: Client -> MapSpec -> IO (Either Error Mapping)
map c b = value c (request "POST" (mconcat ["/v1/mappings"]) [] (json b))

-- | this node's ports at gateways.
mappings :: Client -> IO (Either Error [Mapping])
mappings c = value c (request "GET" (mconcat ["/v1/mappings"]) [] nobody)

-- | admitted nodes, seen or not.
members :: Client -> IO (Either Error [Member])
members c = value c (request "GET" (mconcat ["/v1/members"]) [] nobody)

-- | this document.
openapi :: Client -> IO (Either Error Value)
openapi c = value c (request "GET" (mconcat ["/v1/openapi.json"]) [] nobody)

-- | start no more tasks.
pauseJob :: Client -> Text -> IO (Either Error ())
pauseJob c pJob = done c (request "POST" (mconcat ["/v1/jobs/", segment pJob, "/pause"]) [] nobody)

-- | freeze every guest and take no more.
pauseLending :: Client -> Maybe ReasonRequest -> IO (Either Error ())
pauseLending c b = done c (request "POST" (mconcat ["/v1/lend/pause"]) [] (maybe nobody json b))

-- | freeze a sandbox.
pauseSandbox :: Client -> Text -> IO (Either Error ())
pauseSandbox c pId = done c (request "POST" (mconcat ["/v1/lend/sandboxes/", segment pId, "/pause"]) [] nobody)

-- | one peer.
peer :: Client -> Text -> IO (Either Error Peer)
peer c pPeer = value c (request "GET" (mconcat ["/v1/peers/", segment pPeer]) [] nobody)

-- | ask a peer for the images that this node may run there.
peerImages :: Client -> Text -> IO (Either Error [Image])
peerImages c pPeer = value c (request "GET" (mconcat ["/v1/peers/", segment pPeer, "/images"]) [] nobody)

-- | ask a peer what its machine is.
peerSpecs :: Client -> Text -> IO (Either Error Specs)
peerSpecs c pPeer = value c (request "GET" (mconcat ["/v1/peers/", segment pPeer, "/specs"]) [] nobody)

-- | the peer table, this node included. Query: @where@.
peers :: Client -> Query -> IO (Either Error [Peer])
peers c q = value c (request "GET" (mconcat ["/v1/peers"]) q nobody)

-- | measure the round trip to a peer.
pingPeer :: Client -> Text -> IO (Either Error PingResult)
pingPeer c pPeer = value c (request "POST" (mconcat ["/v1/peers/", segment pPeer, "/ping"]) [] nobody)

-- | who may do what here.
policy :: Client -> IO (Either Error [Rule])
policy c = value c (request "GET" (mconcat ["/v1/lend/policy"]) [] nobody)

-- | the long-lived containers that another policy would take away.
policyEnd :: Client -> [Rule] -> IO (Either Error [Sandbox])
policyEnd c b = value c (request "POST" (mconcat ["/v1/lend/policy/ends"]) [] (json b))

-- | upload bytes.
putBlob :: Client -> ByteString -> IO (Either Error BlobInfo)
putBlob c b = value c (request "POST" (mconcat ["/v1/blobs"]) [] (raw "application/octet-stream" b))

-- | upload a folder as a tar.
putTree :: Client -> ByteString -> IO (Either Error TreeInfo)
putTree c b = value c (request "POST" (mconcat ["/v1/trees"]) [] (raw "application/x-tar" b))

-- | ask every peer anew.
refreshPeers :: Client -> IO (Either Error [Peer])
refreshPeers c = value c (request "POST" (mconcat ["/v1/peers/refresh"]) [] nobody)

-- | take a container away. Query: @force@.
removeContainer :: Client -> Text -> Query -> IO (Either Error ())
removeContainer c pContainer q = done c (request "DELETE" (mconcat ["/v1/containers/", segment pContainer]) q nobody)

-- | take containers out of a group.
removeFromGroup :: Client -> Text -> GroupChange -> IO (Either Error Group)
removeFromGroup c pGroup b = value c (request "POST" (mconcat ["/v1/groups/", segment pGroup, "/remove"]) [] (json b))

-- | forget a group; its containers live on.
removeGroup :: Client -> Text -> IO (Either Error ())
removeGroup c pGroup = done c (request "DELETE" (mconcat ["/v1/groups/", segment pGroup]) [] nobody)

-- | forget an ended job.
removeJob :: Client -> Text -> IO (Either Error ())
removeJob c pJob = done c (request "DELETE" (mconcat ["/v1/jobs/", segment pJob]) [] nobody)

-- | take the network's key off the home, given a working export.
removeKey :: Client -> KeyRequest -> IO (Either Error ())
removeKey c b = done c (request "POST" (mconcat ["/v1/network/key/remove"]) [] (json b))

-- | bring an exported network key back.
restoreKey :: Client -> KeyRequest -> IO (Either Error JoinResult)
restoreKey c b = value c (request "POST" (mconcat ["/v1/network/key/restore"]) [] (json b))

-- | ended tasks and the files they left. Rows are handed out until one is answered with False.
results :: Client -> Text -> (Task -> IO Bool) -> IO (Either Error ())
results c pJob each = rows c (request "GET" (mconcat ["/v1/jobs/", segment pJob, "/results"]) [] nobody) each

-- | go on.
resumeJob :: Client -> Text -> IO (Either Error ())
resumeJob c pJob = done c (request "POST" (mconcat ["/v1/jobs/", segment pJob, "/resume"]) [] nobody)

-- | undo a pause or a drain.
resumeLending :: Client -> IO (Either Error ())
resumeLending c = done c (request "POST" (mconcat ["/v1/lend/resume"]) [] nobody)

-- | let a frozen sandbox go on.
resumeSandbox :: Client -> Text -> IO (Either Error ())
resumeSandbox c pId = done c (request "POST" (mconcat ["/v1/lend/sandboxes/", segment pId, "/resume"]) [] nobody)

-- | run failed and canceled tasks again.
retryJob :: Client -> Text -> IO (Either Error RetryResult)
retryJob c pJob = value c (request "POST" (mconcat ["/v1/jobs/", segment pJob, "/retry"]) [] nobody)

-- | end memberships.
revoke :: Client -> RevokeRequest -> IO (Either Error ())
revoke c b = done c (request "POST" (mconcat ["/v1/revocations"]) [] (json b))

-- | make an invite admit nobody any more.
revokeInvite :: Client -> Text -> IO (Either Error ())
revokeInvite c pId = done c (request "DELETE" (mconcat ["/v1/invites/", segment pId]) [] nobody)

-- | who runs what here now.
sandboxes :: Client -> IO (Either Error [Sandbox])
sandboxes c = value c (request "GET" (mconcat ["/v1/lend/sandboxes"]) [] nobody)

-- | give an image to members, and watch. Rows are handed out until one is answered with False.
sendImage :: Client -> SendImage -> (ImageProgress -> IO Bool) -> IO (Either Error ())
sendImage c b each = rows c (request "POST" (mconcat ["/v1/images/send"]) [] (json b)) each

-- | replace the labels of the node's record.
setLabels :: Client -> Map Text Text -> IO (Either Error ())
setLabels c b = done c (request "PUT" (mconcat ["/v1/labels"]) [] (json b))

-- | replace the limits.
setLimits :: Client -> Limits -> IO (Either Error ())
setLimits c b = done c (request "PUT" (mconcat ["/v1/lend/limits"]) [] (json b))

-- | replace the custom text of the node's record.
setMeta :: Client -> MetaRequest -> IO (Either Error ())
setMeta c b = done c (request "PUT" (mconcat ["/v1/meta"]) [] (json b))

-- | replace the policy.
setPolicy :: Client -> [Rule] -> IO (Either Error ())
setPolicy c b = done c (request "PUT" (mconcat ["/v1/lend/policy"]) [] (json b))

-- | give a member another role.
setRole :: Client -> Text -> RoleRequest -> IO (Either Error ())
setRole c pPeer b = done c (request "PUT" (mconcat ["/v1/members/", segment pPeer, "/role"]) [] (json b))

-- | stop the node.
shutdown :: Client -> IO (Either Error ())
shutdown c = done c (request "POST" (mconcat ["/v1/shutdown"]) [] nobody)

-- | what the node's machine is.
specs :: Client -> IO (Either Error Specs)
specs c = value c (request "GET" (mconcat ["/v1/specs"]) [] nobody)

-- | measure what the path to a peer carries, both ways.
speedPeer :: Client -> Text -> IO (Either Error SpeedResult)
speedPeer c pPeer = value c (request "POST" (mconcat ["/v1/peers/", segment pPeer, "/speed"]) [] nobody)

-- | run a stopped container again.
startContainer :: Client -> Text -> IO (Either Error Container)
startContainer c pContainer = value c (request "POST" (mconcat ["/v1/containers/", segment pContainer, "/start"]) [] nobody)

-- | the node at a glance.
status :: Client -> IO (Either Error Status)
status c = value c (request "GET" (mconcat ["/v1/status"]) [] nobody)

-- | end what runs in a container, keep its files.
stopContainer :: Client -> Text -> IO (Either Error Container)
stopContainer c pContainer = value c (request "POST" (mconcat ["/v1/containers/", segment pContainer, "/stop"]) [] nobody)

-- | submit a job.
submitJob :: Client -> JobSpec -> IO (Either Error Job)
submitJob c b = value c (request "POST" (mconcat ["/v1/jobs"]) [] (json b))

-- | one task.
task :: Client -> Text -> Int64 -> IO (Either Error Task)
task c pJob pTask = value c (request "GET" (mconcat ["/v1/jobs/", segment pJob, "/tasks/", segment pTask]) [] nobody)

-- | a task's output. Query: @follow@. Rows are handed out until one is answered with False.
taskLog :: Client -> Text -> Int64 -> Query -> (LogChunk -> IO Bool) -> IO (Either Error ())
taskLog c pJob pTask q each = rows c (request "GET" (mconcat ["/v1/jobs/", segment pJob, "/tasks/", segment pTask, "/log"]) q nobody) each

-- | a page of a job's tasks. Query: @state@, @after@, @limit@.
tasks :: Client -> Text -> Query -> IO (Either Error [Task])
tasks c pJob q = value c (request "GET" (mconcat ["/v1/jobs/", segment pJob, "/tasks"]) q nobody)

-- | what a peer's containers can be made from.
templates :: Client -> Text -> IO (Either Error [Template])
templates c pPeer = value c (request "GET" (mconcat ["/v1/peers/", segment pPeer, "/templates"]) [] nobody)

-- | who is connected to what on or beside this machine.
tunnels :: Client -> IO (Either Error [Tunnel])
tunnels c = value c (request "GET" (mconcat ["/v1/lend/tunnels"]) [] nobody)

-- | close a port at a gateway.
unmap :: Client -> Text -> IO (Either Error ())
unmap c pId = done c (request "DELETE" (mconcat ["/v1/mappings/", segment pId]) [] nobody)

-- | the ledger, summed. Query: @by@, @since@.
usage :: Client -> Query -> IO (Either Error [UsageRow])
usage c q = value c (request "GET" (mconcat ["/v1/lend/usage"]) q nobody)

-- | a job's state and events until it ends. Rows are handed out until one is answered with False.
watchJob :: Client -> Text -> (Event -> IO Bool) -> IO (Either Error ())
watchJob c pJob each = rows c (request "GET" (mconcat ["/v1/jobs/", segment pJob, "/events"]) [] nobody) each

-- | what waiting tasks wait for.
whyJob :: Client -> Text -> IO (Either Error Why)
whyJob c pJob = value c (request "GET" (mconcat ["/v1/jobs/", segment pJob, "/why"]) [] nobody)
