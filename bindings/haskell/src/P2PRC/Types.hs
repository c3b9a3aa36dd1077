{-# LANGUAGE OverloadedStrings #-}
-- | The types of the API. Generated from the node's OpenAPI document by bindings/gen; do not edit.
--
-- Fields are named for their type, so that all can be imported: 'jobSpecCommand'.
-- Make a value from 'blank'. What is blank is not sent unless the API requires it;
-- fields that this version does not know are ignored.
module P2PRC.Types where

import Data.Aeson
import Data.Int (Int64)
import Data.Map.Strict (Map)
import Data.Text (Text)
import Data.Time.Clock (UTCTime)

import P2PRC.Json

data AddrRequest = AddrRequest
  { addrRequestAddr :: Text
    -- ^ host:port, or a multiaddr
  } deriving (Eq, Show)

instance Blank AddrRequest where
  blank = AddrRequest blank

instance FromJSON AddrRequest where
  parseJSON = withObject "AddrRequest" $ \o -> AddrRequest
    <$> o ?: "addr"

instance ToJSON AddrRequest where
  toJSON v = object $ concat
    [ "addr" =! addrRequestAddr v
    ]

data Axis = Axis
  { axisFrom :: Int64
  , axisName :: Text
  , axisStep :: Int64
    -- ^ 1 if 0
  , axisTo :: Int64
    -- ^ inclusive
  , axisValues :: [Text]
    -- ^ instead of a range
  , axisWidth :: Int64
    -- ^ zero-padded to this many digits
  } deriving (Eq, Show)

instance Blank Axis where
  blank = Axis blank blank blank blank blank blank

instance FromJSON Axis where
  parseJSON = withObject "Axis" $ \o -> Axis
    <$> o ?: "from"
    <*> o ?: "name"
    <*> o ?: "step"
    <*> o ?: "to"
    <*> o ?: "values"
    <*> o ?: "width"

instance ToJSON Axis where
  toJSON v = object $ concat
    [ "from" =? axisFrom v
    , "name" =! axisName v
    , "step" =? axisStep v
    , "to" =? axisTo v
    , "values" =? axisValues v
    , "width" =? axisWidth v
    ]

data BlobInfo = BlobInfo
  { blobInfoId :: Text
  , blobInfoSize :: Int64
  } deriving (Eq, Show)

instance Blank BlobInfo where
  blank = BlobInfo blank blank

instance FromJSON BlobInfo where
  parseJSON = withObject "BlobInfo" $ \o -> BlobInfo
    <$> o ?: "id"
    <*> o ?: "size"

instance ToJSON BlobInfo where
  toJSON v = object $ concat
    [ "id" =! blobInfoId v
    , "size" =! blobInfoSize v
    ]

data BlobStats = BlobStats
  { blobStatsBytes :: Int64
  , blobStatsCount :: Int64
  , blobStatsPinned :: Int64
    -- ^ bytes that may not be dropped now
  , blobStatsQuota :: Int64
    -- ^ bytes it may hold
  } deriving (Eq, Show)

instance Blank BlobStats where
  blank = BlobStats blank blank blank blank

instance FromJSON BlobStats where
  parseJSON = withObject "BlobStats" $ \o -> BlobStats
    <$> o ?: "bytes"
    <*> o ?: "count"
    <*> o ?: "pinned"
    <*> o ?: "quota"

instance ToJSON BlobStats where
  toJSON v = object $ concat
    [ "bytes" =! blobStatsBytes v
    , "count" =! blobStatsCount v
    , "pinned" =! blobStatsPinned v
    , "quota" =! blobStatsQuota v
    ]

data Carried = Carried
  { carriedAllow :: [Text]
    -- ^ clients that may; empty: everybody
  , carriedAway :: Bool
    -- ^ a domain that is kept for its member, who has no mapping of it now
  , carriedBytesIn :: Int64
    -- ^ to the target
  , carriedBytesOut :: Int64
    -- ^ from the target
  , carriedDomain :: Text
  , carriedId :: Text
    -- ^ the gateway's, not its member's
  , carriedName :: Text
    -- ^ its name
  , carriedNetwork :: Text
    -- ^ https, h2c and tls are domains: with our certificate, handed on as HTTP/1.1 or HTTP/2, and unopened
  , carriedOpen :: Int64
    -- ^ connections now
  , carriedPeer :: Text
    -- ^ whose it is
  , carriedPorts :: [Int64]
    -- ^ listened on for it
  , carriedRefused :: Int64
    -- ^ connections that were turned away: over a limit, or from an address that may not
  , carriedSince :: Maybe UTCTime
  , carriedTotal :: Int64
    -- ^ connections
  } deriving (Eq, Show)

instance Blank Carried where
  blank = Carried blank blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON Carried where
  parseJSON = withObject "Carried" $ \o -> Carried
    <$> o ?: "allow"
    <*> o ?: "away"
    <*> o ?: "bytes_in"
    <*> o ?: "bytes_out"
    <*> o ?: "domain"
    <*> o ?: "id"
    <*> o ?: "name"
    <*> o ?: "network"
    <*> o ?: "open"
    <*> o ?: "peer"
    <*> o ?: "ports"
    <*> o ?: "refused"
    <*> o ?: "since"
    <*> o ?: "total"

instance ToJSON Carried where
  toJSON v = object $ concat
    [ "allow" =? carriedAllow v
    , "away" =? carriedAway v
    , "bytes_in" =! carriedBytesIn v
    , "bytes_out" =! carriedBytesOut v
    , "domain" =? carriedDomain v
    , "id" =! carriedId v
    , "name" =? carriedName v
    , "network" =! carriedNetwork v
    , "open" =! carriedOpen v
    , "peer" =! carriedPeer v
    , "ports" =! carriedPorts v
    , "refused" =! carriedRefused v
    , "since" =! carriedSince v
    , "total" =! carriedTotal v
    ]

data Container = Container
  { containerCap :: Resources
  , containerCreated :: Maybe UTCTime
  , containerExpires :: Maybe UTCTime
  , containerId :: Text
  , containerMain :: Maybe MainCommand
    -- ^ the main command, while it runs
  , containerName :: Text
  , containerNetwork :: Text
    -- ^ what it can reach: none if empty
  , containerPeer :: Text
    -- ^ the lender
  , containerPeerName :: Text
  , containerPorts :: [Port]
  , containerReason :: Text
  , containerSource :: Text
    -- ^ image, template or build it was made from
  , containerState :: Text
  , containerUse :: ContainerUse
  } deriving (Eq, Show)

instance Blank Container where
  blank = Container blank blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON Container where
  parseJSON = withObject "Container" $ \o -> Container
    <$> o ?: "cap"
    <*> o ?: "created"
    <*> o ?: "expires"
    <*> o ?: "id"
    <*> o ?: "main"
    <*> o ?: "name"
    <*> o ?: "network"
    <*> o ?: "peer"
    <*> o ?: "peer_name"
    <*> o ?: "ports"
    <*> o ?: "reason"
    <*> o ?: "source"
    <*> o ?: "state"
    <*> o ?: "use"

instance ToJSON Container where
  toJSON v = object $ concat
    [ "cap" =! containerCap v
    , "created" =! containerCreated v
    , "expires" =! containerExpires v
    , "id" =! containerId v
    , "main" =? containerMain v
    , "name" =! containerName v
    , "network" =? containerNetwork v
    , "peer" =! containerPeer v
    , "peer_name" =? containerPeerName v
    , "ports" =? containerPorts v
    , "reason" =? containerReason v
    , "source" =! containerSource v
    , "state" =! containerState v
    , "use" =! containerUse v
    ]

data ContainerEvent = ContainerEvent
  { containerEventBuild :: Text
    -- ^ a line that a build printed
  , containerEventContainer :: Maybe Container
  , containerEventImage :: Maybe ImageProgress
    -- ^ how far the lender is with the image that it is given
  , containerEventText :: Text
    -- ^ what is done now
  } deriving (Eq, Show)

instance Blank ContainerEvent where
  blank = ContainerEvent blank blank blank blank

instance FromJSON ContainerEvent where
  parseJSON = withObject "ContainerEvent" $ \o -> ContainerEvent
    <$> o ?: "build"
    <*> o ?: "container"
    <*> o ?: "image"
    <*> o ?: "text"

instance ToJSON ContainerEvent where
  toJSON v = object $ concat
    [ "build" =? containerEventBuild v
    , "container" =? containerEventContainer v
    , "image" =? containerEventImage v
    , "text" =? containerEventText v
    ]

data ContainerLog = ContainerLog
  { containerLogData :: Bytes
    -- ^ base64
  , containerLogStream :: Text
  } deriving (Eq, Show)

instance Blank ContainerLog where
  blank = ContainerLog blank blank

instance FromJSON ContainerLog where
  parseJSON = withObject "ContainerLog" $ \o -> ContainerLog
    <$> o ?: "data"
    <*> o ?: "stream"

instance ToJSON ContainerLog where
  toJSON v = object $ concat
    [ "data" =! containerLogData v
    , "stream" =! containerLogStream v
    ]

data ContainerSpec = ContainerSpec
  { containerSpecBase :: Text
    -- ^ what stands for {{.}} in the Dockerfile of a template or a build
  , containerSpecBaseId :: Text
    -- ^ the very base image, as image_id is for image
  , containerSpecBuild :: Text
    -- ^ a folder with a Dockerfile, uploaded by POST /v1/trees, instead of image
  , containerSpecCommand :: [Text]
    -- ^ the main command; the image's own if empty
  , containerSpecEnv :: Map Text Text
  , containerSpecImage :: Text
    -- ^ an image that this node or the lender has
  , containerSpecImageId :: Text
    -- ^ the very image, which a lender that lacks it is given; that of Image on this node, if it is empty
  , containerSpecName :: Text
    -- ^ one of the borrower's own; how commands call it
  , containerSpecNeeds :: Maybe Resources
    -- ^ cpu 1 and memory 256 MiB if 0
  , containerSpecNetwork :: Text
    -- ^ what it can reach: none if empty
  , containerSpecPublish :: [PublishSpec]
  , containerSpecTemplate :: Text
    -- ^ a template of the lender's, instead of image
  , containerSpecTtl :: Text
    -- ^ how long it may live; 24h if 0
  } deriving (Eq, Show)

instance Blank ContainerSpec where
  blank = ContainerSpec blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON ContainerSpec where
  parseJSON = withObject "ContainerSpec" $ \o -> ContainerSpec
    <$> o ?: "base"
    <*> o ?: "base_id"
    <*> o ?: "build"
    <*> o ?: "command"
    <*> o ?: "env"
    <*> o ?: "image"
    <*> o ?: "image_id"
    <*> o ?: "name"
    <*> o ?: "needs"
    <*> o ?: "network"
    <*> o ?: "publish"
    <*> o ?: "template"
    <*> o ?: "ttl"

instance ToJSON ContainerSpec where
  toJSON v = object $ concat
    [ "base" =? containerSpecBase v
    , "base_id" =? containerSpecBaseId v
    , "build" =? containerSpecBuild v
    , "command" =? containerSpecCommand v
    , "env" =? containerSpecEnv v
    , "image" =? containerSpecImage v
    , "image_id" =? containerSpecImageId v
    , "name" =! containerSpecName v
    , "needs" =? containerSpecNeeds v
    , "network" =? containerSpecNetwork v
    , "publish" =? containerSpecPublish v
    , "template" =? containerSpecTemplate v
    , "ttl" =? containerSpecTtl v
    ]

data ContainerUse = ContainerUse
  { containerUseBytesIn :: Int64
    -- ^ over published ports and its network, since it was created
  , containerUseBytesOut :: Int64
  , containerUseCpu :: Double
    -- ^ cores in use over the last seconds
  , containerUseCpuTime :: Text
    -- ^ used since it was created
  , containerUseMemory :: Int64
    -- ^ bytes in use now
  , containerUseProcesses :: Int64
  } deriving (Eq, Show)

instance Blank ContainerUse where
  blank = ContainerUse blank blank blank blank blank blank

instance FromJSON ContainerUse where
  parseJSON = withObject "ContainerUse" $ \o -> ContainerUse
    <$> o ?: "bytes_in"
    <*> o ?: "bytes_out"
    <*> o ?: "cpu"
    <*> o ?: "cpu_time"
    <*> o ?: "memory"
    <*> o ?: "processes"

instance ToJSON ContainerUse where
  toJSON v = object $ concat
    [ "bytes_in" =! containerUseBytesIn v
    , "bytes_out" =! containerUseBytesOut v
    , "cpu" =! containerUseCpu v
    , "cpu_time" =! containerUseCpuTime v
    , "memory" =! containerUseMemory v
    , "processes" =! containerUseProcesses v
    ]

data DNSRecord = DNSRecord
  { dnsRecordName :: Text
  , dnsRecordType :: Text
  , dnsRecordValue :: Text
  } deriving (Eq, Show)

instance Blank DNSRecord where
  blank = DNSRecord blank blank blank

instance FromJSON DNSRecord where
  parseJSON = withObject "DNSRecord" $ \o -> DNSRecord
    <$> o ?: "name"
    <*> o ?: "type"
    <*> o ?: "value"

instance ToJSON DNSRecord where
  toJSON v = object $ concat
    [ "name" =! dnsRecordName v
    , "type" =! dnsRecordType v
    , "value" =! dnsRecordValue v
    ]

data Diagnosis = Diagnosis
  { diagnosisFindings :: [Finding]
  , diagnosisReach :: Reach
  , diagnosisRelay :: RelayStatus
  , diagnosisTime :: Maybe UTCTime
  } deriving (Eq, Show)

instance Blank Diagnosis where
  blank = Diagnosis blank blank blank blank

instance FromJSON Diagnosis where
  parseJSON = withObject "Diagnosis" $ \o -> Diagnosis
    <$> o ?: "findings"
    <*> o ?: "reach"
    <*> o ?: "relay"
    <*> o ?: "time"

instance ToJSON Diagnosis where
  toJSON v = object $ concat
    [ "findings" =! diagnosisFindings v
    , "reach" =! diagnosisReach v
    , "relay" =! diagnosisRelay v
    , "time" =! diagnosisTime v
    ]

data Event = Event
  { eventCursor :: Int64
  , eventJob :: Maybe Job
  , eventJobId :: Text
  , eventMsg :: Text
  , eventPeer :: Maybe Peer
  , eventSandbox :: Maybe Sandbox
  , eventTask :: Maybe Task
  , eventTime :: Maybe UTCTime
  , eventType :: Text
  } deriving (Eq, Show)

instance Blank Event where
  blank = Event blank blank blank blank blank blank blank blank blank

instance FromJSON Event where
  parseJSON = withObject "Event" $ \o -> Event
    <$> o ?: "cursor"
    <*> o ?: "job"
    <*> o ?: "job_id"
    <*> o ?: "msg"
    <*> o ?: "peer"
    <*> o ?: "sandbox"
    <*> o ?: "task"
    <*> o ?: "time"
    <*> o ?: "type"

instance ToJSON Event where
  toJSON v = object $ concat
    [ "cursor" =! eventCursor v
    , "job" =? eventJob v
    , "job_id" =? eventJobId v
    , "msg" =? eventMsg v
    , "peer" =? eventPeer v
    , "sandbox" =? eventSandbox v
    , "task" =? eventTask v
    , "time" =! eventTime v
    , "type" =! eventType v
    ]

data Exit = Exit
  { exitCode :: Int64
    -- ^ exit code; 128+n after signal n
  , exitLimit :: Text
    -- ^ the limit it ran into
  , exitMsg :: Text
    -- ^ what to tell the user: no such program, output missing
  , exitSignal :: Text
    -- ^ the signal that ended it
  } deriving (Eq, Show)

instance Blank Exit where
  blank = Exit blank blank blank blank

instance FromJSON Exit where
  parseJSON = withObject "Exit" $ \o -> Exit
    <$> o ?: "code"
    <*> o ?: "limit"
    <*> o ?: "msg"
    <*> o ?: "signal"

instance ToJSON Exit where
  toJSON v = object $ concat
    [ "code" =! exitCode v
    , "limit" =? exitLimit v
    , "msg" =? exitMsg v
    , "signal" =? exitSignal v
    ]

data Finding = Finding
  { findingAdvice :: Text
    -- ^ what to do about it
  , findingMsg :: Text
  , findingName :: Text
    -- ^ what was looked at: address, addresses, inbound, router, tcp, udp, relays, clock, peers, or a runtime that is lent
  , findingNote :: Bool
    -- ^ not ok, and no problem: nobody can tell yet, or it may be meant so
  , findingOk :: Bool
    -- ^ found to be in order
  } deriving (Eq, Show)

instance Blank Finding where
  blank = Finding blank blank blank blank blank

instance FromJSON Finding where
  parseJSON = withObject "Finding" $ \o -> Finding
    <$> o ?: "advice"
    <*> o ?: "msg"
    <*> o ?: "name"
    <*> o ?: "note"
    <*> o ?: "ok"

instance ToJSON Finding where
  toJSON v = object $ concat
    [ "advice" =? findingAdvice v
    , "msg" =! findingMsg v
    , "name" =! findingName v
    , "note" =? findingNote v
    , "ok" =! findingOk v
    ]

data ForwardEvent = ForwardEvent
  { forwardEventBytesIn :: Int64
    -- ^ to the target
  , forwardEventBytesOut :: Int64
    -- ^ from the target
  , forwardEventListening :: Text
    -- ^ the first line: HOST:PORT to connect to
  , forwardEventOpen :: Int64
    -- ^ connections now
  , forwardEventProblem :: Maybe Problem
    -- ^ why a connection could not be made; the forward goes on
  , forwardEventTotal :: Int64
    -- ^ connections since it began
  } deriving (Eq, Show)

instance Blank ForwardEvent where
  blank = ForwardEvent blank blank blank blank blank blank

instance FromJSON ForwardEvent where
  parseJSON = withObject "ForwardEvent" $ \o -> ForwardEvent
    <$> o ?: "bytes_in"
    <*> o ?: "bytes_out"
    <*> o ?: "listening"
    <*> o ?: "open"
    <*> o ?: "problem"
    <*> o ?: "total"

instance ToJSON ForwardEvent where
  toJSON v = object $ concat
    [ "bytes_in" =! forwardEventBytesIn v
    , "bytes_out" =! forwardEventBytesOut v
    , "listening" =? forwardEventListening v
    , "open" =! forwardEventOpen v
    , "problem" =? forwardEventProblem v
    , "total" =! forwardEventTotal v
    ]

data ForwardSpec = ForwardSpec
  { forwardSpecContainer :: Text
    -- ^ one of this node's containers, instead of peers
  , forwardSpecHost :: Text
    -- ^ a host beside the peer; empty: the peer itself
  , forwardSpecLocal :: Int64
    -- ^ the port on this machine's loopback; 0: any free one
  , forwardSpecNetwork :: Text
    -- ^ tcp if empty
  , forwardSpecPeers :: [Text]
    -- ^ names or ids; the first that connects is used, for each connection anew
  , forwardSpecPort :: Int64
  } deriving (Eq, Show)

instance Blank ForwardSpec where
  blank = ForwardSpec blank blank blank blank blank blank

instance FromJSON ForwardSpec where
  parseJSON = withObject "ForwardSpec" $ \o -> ForwardSpec
    <$> o ?: "container"
    <*> o ?: "host"
    <*> o ?: "local"
    <*> o ?: "network"
    <*> o ?: "peers"
    <*> o ?: "port"

instance ToJSON ForwardSpec where
  toJSON v = object $ concat
    [ "container" =? forwardSpecContainer v
    , "host" =? forwardSpecHost v
    , "local" =? forwardSpecLocal v
    , "network" =? forwardSpecNetwork v
    , "peers" =? forwardSpecPeers v
    , "port" =! forwardSpecPort v
    ]

data GCResult = GCResult
  { gcResultFreed :: Int64
    -- ^ bytes
  } deriving (Eq, Show)

instance Blank GCResult where
  blank = GCResult blank

instance FromJSON GCResult where
  parseJSON = withObject "GCResult" $ \o -> GCResult
    <$> o ?: "freed"

instance ToJSON GCResult where
  toJSON v = object $ concat
    [ "freed" =! gcResultFreed v
    ]

data GPU = GPU
  { gpuDriver :: Text
  , gpuIndex :: Int64
  , gpuMemory :: Int64
    -- ^ bytes
  , gpuModel :: Text
  , gpuUuid :: Text
  , gpuVendor :: Text
    -- ^ nvidia, amd or intel
  } deriving (Eq, Show)

instance Blank GPU where
  blank = GPU blank blank blank blank blank blank

instance FromJSON GPU where
  parseJSON = withObject "GPU" $ \o -> GPU
    <$> o ?: "driver"
    <*> o ?: "index"
    <*> o ?: "memory"
    <*> o ?: "model"
    <*> o ?: "uuid"
    <*> o ?: "vendor"

instance ToJSON GPU where
  toJSON v = object $ concat
    [ "driver" =? gpuDriver v
    , "index" =! gpuIndex v
    , "memory" =! gpuMemory v
    , "model" =! gpuModel v
    , "uuid" =? gpuUuid v
    , "vendor" =! gpuVendor v
    ]

data Group = Group
  { groupContainers :: [Text]
    -- ^ names; one that ends leaves
  , groupName :: Text
    -- ^ no group and no container has it already
  } deriving (Eq, Show)

instance Blank Group where
  blank = Group blank blank

instance FromJSON Group where
  parseJSON = withObject "Group" $ \o -> Group
    <$> o ?: "containers"
    <*> o ?: "name"

instance ToJSON Group where
  toJSON v = object $ concat
    [ "containers" =! groupContainers v
    , "name" =! groupName v
    ]

data GroupChange = GroupChange
  { groupChangeContainers :: [Text]
    -- ^ names or ids
  } deriving (Eq, Show)

instance Blank GroupChange where
  blank = GroupChange blank

instance FromJSON GroupChange where
  parseJSON = withObject "GroupChange" $ \o -> GroupChange
    <$> o ?: "containers"

instance ToJSON GroupChange where
  toJSON v = object $ concat
    [ "containers" =! groupChangeContainers v
    ]

data Image = Image
  { imageArch :: Text
  , imageFor :: Text
    -- ^ who had it brought here; empty: it is the owner's own
  , imageId :: Text
  , imageOs :: Text
  , imageSize :: Int64
    -- ^ bytes
  , imageTags :: [Text]
    -- ^ the names it has there
  , imageUsed :: Maybe UTCTime
    -- ^ when work last needed it; only of those brought here
  } deriving (Eq, Show)

instance Blank Image where
  blank = Image blank blank blank blank blank blank blank

instance FromJSON Image where
  parseJSON = withObject "Image" $ \o -> Image
    <$> o ?: "arch"
    <*> o ?: "for"
    <*> o ?: "id"
    <*> o ?: "os"
    <*> o ?: "size"
    <*> o ?: "tags"
    <*> o ?: "used"

instance ToJSON Image where
  toJSON v = object $ concat
    [ "arch" =? imageArch v
    , "for" =? imageFor v
    , "id" =! imageId v
    , "os" =? imageOs v
    , "size" =! imageSize v
    , "tags" =! imageTags v
    , "used" =? imageUsed v
    ]

data ImageProgress = ImageProgress
  { imageProgressBytes :: Int64
    -- ^ bytes of it in all
  , imageProgressError :: Maybe Problem
  , imageProgressHave :: Int64
    -- ^ bytes of it that the member has
  , imageProgressImage :: Text
  , imageProgressPeer :: Text
  , imageProgressSent :: Int64
    -- ^ bytes that this node gave the member for it
  , imageProgressState :: Text
  } deriving (Eq, Show)

instance Blank ImageProgress where
  blank = ImageProgress blank blank blank blank blank blank blank

instance FromJSON ImageProgress where
  parseJSON = withObject "ImageProgress" $ \o -> ImageProgress
    <$> o ?: "bytes"
    <*> o ?: "error"
    <*> o ?: "have"
    <*> o ?: "image"
    <*> o ?: "peer"
    <*> o ?: "sent"
    <*> o ?: "state"

instance ToJSON ImageProgress where
  toJSON v = object $ concat
    [ "bytes" =? imageProgressBytes v
    , "error" =? imageProgressError v
    , "have" =? imageProgressHave v
    , "image" =? imageProgressImage v
    , "peer" =? imageProgressPeer v
    , "sent" =? imageProgressSent v
    , "state" =! imageProgressState v
    ]

data Input = Input
  { inputBlob :: Text
  , inputMode :: Int64
    -- ^ permission bits; 0644 if 0
  , inputPath :: Text
    -- ^ slash-separated, below the task's directory
  , inputSize :: Int64
    -- ^ bytes
  , inputTree :: Text
    -- ^ a manifest made by POST /v1/trees, instead of blob
  } deriving (Eq, Show)

instance Blank Input where
  blank = Input blank blank blank blank blank

instance FromJSON Input where
  parseJSON = withObject "Input" $ \o -> Input
    <$> o ?: "blob"
    <*> o ?: "mode"
    <*> o ?: "path"
    <*> o ?: "size"
    <*> o ?: "tree"

instance ToJSON Input where
  toJSON v = object $ concat
    [ "blob" =? inputBlob v
    , "mode" =? inputMode v
    , "path" =! inputPath v
    , "size" =? inputSize v
    , "tree" =? inputTree v
    ]

data Invite = Invite
  { inviteCreated :: Maybe UTCTime
  , inviteExpires :: Maybe UTCTime
  , inviteId :: Text
  , inviteNode :: Text
    -- ^ the only node it admits, if named
  , inviteRevoked :: Bool
  , inviteRole :: Text
  , inviteUsed :: Int64
  , inviteUses :: Int64
    -- ^ machines it may admit
  } deriving (Eq, Show)

instance Blank Invite where
  blank = Invite blank blank blank blank blank blank blank blank

instance FromJSON Invite where
  parseJSON = withObject "Invite" $ \o -> Invite
    <$> o ?: "created"
    <*> o ?: "expires"
    <*> o ?: "id"
    <*> o ?: "node"
    <*> o ?: "revoked"
    <*> o ?: "role"
    <*> o ?: "used"
    <*> o ?: "uses"

instance ToJSON Invite where
  toJSON v = object $ concat
    [ "created" =! inviteCreated v
    , "expires" =! inviteExpires v
    , "id" =! inviteId v
    , "node" =? inviteNode v
    , "revoked" =! inviteRevoked v
    , "role" =! inviteRole v
    , "used" =! inviteUsed v
    , "uses" =! inviteUses v
    ]

data InviteRequest = InviteRequest
  { inviteRequestExpires :: Text
    -- ^ from now; 1h if 0
  , inviteRequestNode :: Text
    -- ^ the only node it admits; required for admin
  , inviteRequestRole :: Text
    -- ^ member if empty
  , inviteRequestUses :: Int64
    -- ^ 1 if 0
  } deriving (Eq, Show)

instance Blank InviteRequest where
  blank = InviteRequest blank blank blank blank

instance FromJSON InviteRequest where
  parseJSON = withObject "InviteRequest" $ \o -> InviteRequest
    <$> o ?: "expires"
    <*> o ?: "node"
    <*> o ?: "role"
    <*> o ?: "uses"

instance ToJSON InviteRequest where
  toJSON v = object $ concat
    [ "expires" =? inviteRequestExpires v
    , "node" =? inviteRequestNode v
    , "role" =? inviteRequestRole v
    , "uses" =? inviteRequestUses v
    ]

data InviteToken = InviteToken
  { inviteTokenCreated :: Maybe UTCTime
  , inviteTokenExpires :: Maybe UTCTime
  , inviteTokenId :: Text
  , inviteTokenNode :: Text
    -- ^ the only node it admits, if named
  , inviteTokenRevoked :: Bool
  , inviteTokenRole :: Text
  , inviteTokenToken :: Text
    -- ^ one string; whoever has it can join
  , inviteTokenUsed :: Int64
  , inviteTokenUses :: Int64
    -- ^ machines it may admit
  } deriving (Eq, Show)

instance Blank InviteToken where
  blank = InviteToken blank blank blank blank blank blank blank blank blank

instance FromJSON InviteToken where
  parseJSON = withObject "InviteToken" $ \o -> InviteToken
    <$> o ?: "created"
    <*> o ?: "expires"
    <*> o ?: "id"
    <*> o ?: "node"
    <*> o ?: "revoked"
    <*> o ?: "role"
    <*> o ?: "token"
    <*> o ?: "used"
    <*> o ?: "uses"

instance ToJSON InviteToken where
  toJSON v = object $ concat
    [ "created" =! inviteTokenCreated v
    , "expires" =! inviteTokenExpires v
    , "id" =! inviteTokenId v
    , "node" =? inviteTokenNode v
    , "revoked" =! inviteTokenRevoked v
    , "role" =! inviteTokenRole v
    , "token" =! inviteTokenToken v
    , "used" =! inviteTokenUsed v
    , "uses" =! inviteTokenUses v
    ]

data Job = Job
  { jobAttempts :: Int64
    -- ^ results secured plus attempts lost
  , jobBytes :: Int64
    -- ^ outputs kept here
  , jobCreated :: Maybe UTCTime
  , jobEnded :: Maybe UTCTime
  , jobEta :: Text
    -- ^ 0 when not known
  , jobId :: Text
  , jobName :: Text
  , jobNodes :: [NodeProgress]
  , jobRate :: Double
    -- ^ tasks a second over the last 10 s
  , jobReason :: Text
    -- ^ why it waits, or why it was ended
  , jobRuntime :: Text
  , jobState :: Text
  , jobTasks :: TaskCounts
  } deriving (Eq, Show)

instance Blank Job where
  blank = Job blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON Job where
  parseJSON = withObject "Job" $ \o -> Job
    <$> o ?: "attempts"
    <*> o ?: "bytes"
    <*> o ?: "created"
    <*> o ?: "ended"
    <*> o ?: "eta"
    <*> o ?: "id"
    <*> o ?: "name"
    <*> o ?: "nodes"
    <*> o ?: "rate"
    <*> o ?: "reason"
    <*> o ?: "runtime"
    <*> o ?: "state"
    <*> o ?: "tasks"

instance ToJSON Job where
  toJSON v = object $ concat
    [ "attempts" =! jobAttempts v
    , "bytes" =! jobBytes v
    , "created" =! jobCreated v
    , "ended" =? jobEnded v
    , "eta" =? jobEta v
    , "id" =! jobId v
    , "name" =! jobName v
    , "nodes" =! jobNodes v
    , "rate" =! jobRate v
    , "reason" =? jobReason v
    , "runtime" =! jobRuntime v
    , "state" =! jobState v
    , "tasks" =! jobTasks v
    ]

data JobDetail = JobDetail
  { jobDetailAttempts :: Int64
    -- ^ results secured plus attempts lost
  , jobDetailBytes :: Int64
    -- ^ outputs kept here
  , jobDetailCreated :: Maybe UTCTime
  , jobDetailEnded :: Maybe UTCTime
  , jobDetailEta :: Text
    -- ^ 0 when not known
  , jobDetailId :: Text
  , jobDetailName :: Text
  , jobDetailNodes :: [NodeProgress]
  , jobDetailRate :: Double
    -- ^ tasks a second over the last 10 s
  , jobDetailReason :: Text
    -- ^ why it waits, or why it was ended
  , jobDetailRuntime :: Text
  , jobDetailSpec :: JobSpec
  , jobDetailState :: Text
  , jobDetailTasks :: TaskCounts
  } deriving (Eq, Show)

instance Blank JobDetail where
  blank = JobDetail blank blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON JobDetail where
  parseJSON = withObject "JobDetail" $ \o -> JobDetail
    <$> o ?: "attempts"
    <*> o ?: "bytes"
    <*> o ?: "created"
    <*> o ?: "ended"
    <*> o ?: "eta"
    <*> o ?: "id"
    <*> o ?: "name"
    <*> o ?: "nodes"
    <*> o ?: "rate"
    <*> o ?: "reason"
    <*> o ?: "runtime"
    <*> o ?: "spec"
    <*> o ?: "state"
    <*> o ?: "tasks"

instance ToJSON JobDetail where
  toJSON v = object $ concat
    [ "attempts" =! jobDetailAttempts v
    , "bytes" =! jobDetailBytes v
    , "created" =! jobDetailCreated v
    , "ended" =? jobDetailEnded v
    , "eta" =? jobDetailEta v
    , "id" =! jobDetailId v
    , "name" =! jobDetailName v
    , "nodes" =! jobDetailNodes v
    , "rate" =! jobDetailRate v
    , "reason" =? jobDetailReason v
    , "runtime" =! jobDetailRuntime v
    , "spec" =! jobDetailSpec v
    , "state" =! jobDetailState v
    , "tasks" =! jobDetailTasks v
    ]

data JobSpec = JobSpec
  { jobSpecCommand :: [Text]
    -- ^ program and arguments; for wasm the module's arguments, its name first
  , jobSpecCwd :: Text
    -- ^ below the task's directory
  , jobSpecEach :: [Axis]
    -- ^ the array: one task per combination, the last axis varying fastest
  , jobSpecEnv :: Map Text Text
  , jobSpecImage :: Text
    -- ^ runtime docker
  , jobSpecImageId :: Text
    -- ^ the very image, which lenders that lack it are given; that of Image on this node, if it is empty
  , jobSpecInputs :: [Input]
  , jobSpecLimits :: Maybe TaskLimits
  , jobSpecLive :: Bool
    -- ^ stream output while tasks run
  , jobSpecMaxFails :: Int64
    -- ^ cancel the job when more tasks than this failed for good; 0: never
  , jobSpecModule :: Text
    -- ^ the wasm module to run (runtime wasm)
  , jobSpecName :: Text
    -- ^ shown in listings
  , jobSpecNeeds :: Maybe Resources
    -- ^ per task; cpu 1 and memory 256 MiB if 0
  , jobSpecNetwork :: Text
    -- ^ what a task's container can reach (runtime docker): none if empty
  , jobSpecOn :: [Text]
    -- ^ only on these peers
  , jobSpecOutputs :: [Text]
    -- ^ globs below the task's directory; ** matches folders
  , jobSpecRestart :: Text
    -- ^ never: a task that was lost with its machine is not run again
  , jobSpecRetry :: Int64
    -- ^ further tries of a task that failed
  , jobSpecRuntime :: Text
    -- ^ empty: wasm if Module is set, else process
  , jobSpecStdin :: Text
    -- ^ text given to every task
  , jobSpecStdinBlob :: Text
    -- ^ instead of stdin
  , jobSpecStrategy :: Text
    -- ^ spread, pin, or one of the program's that the node runs in; spread if empty
  , jobSpecWhere :: Text
    -- ^ CEL over the peer record, true where the job may run
  } deriving (Eq, Show)

instance Blank JobSpec where
  blank = JobSpec blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON JobSpec where
  parseJSON = withObject "JobSpec" $ \o -> JobSpec
    <$> o ?: "command"
    <*> o ?: "cwd"
    <*> o ?: "each"
    <*> o ?: "env"
    <*> o ?: "image"
    <*> o ?: "image_id"
    <*> o ?: "inputs"
    <*> o ?: "limits"
    <*> o ?: "live"
    <*> o ?: "max_fails"
    <*> o ?: "module"
    <*> o ?: "name"
    <*> o ?: "needs"
    <*> o ?: "network"
    <*> o ?: "on"
    <*> o ?: "outputs"
    <*> o ?: "restart"
    <*> o ?: "retry"
    <*> o ?: "runtime"
    <*> o ?: "stdin"
    <*> o ?: "stdin_blob"
    <*> o ?: "strategy"
    <*> o ?: "where"

instance ToJSON JobSpec where
  toJSON v = object $ concat
    [ "command" =? jobSpecCommand v
    , "cwd" =? jobSpecCwd v
    , "each" =? jobSpecEach v
    , "env" =? jobSpecEnv v
    , "image" =? jobSpecImage v
    , "image_id" =? jobSpecImageId v
    , "inputs" =? jobSpecInputs v
    , "limits" =? jobSpecLimits v
    , "live" =? jobSpecLive v
    , "max_fails" =? jobSpecMaxFails v
    , "module" =? jobSpecModule v
    , "name" =? jobSpecName v
    , "needs" =? jobSpecNeeds v
    , "network" =? jobSpecNetwork v
    , "on" =? jobSpecOn v
    , "outputs" =? jobSpecOutputs v
    , "restart" =? jobSpecRestart v
    , "retry" =? jobSpecRetry v
    , "runtime" =? jobSpecRuntime v
    , "stdin" =? jobSpecStdin v
    , "stdin_blob" =? jobSpecStdinBlob v
    , "strategy" =? jobSpecStrategy v
    , "where" =? jobSpecWhere v
    ]

data JoinRequest = JoinRequest
  { joinRequestToken :: Text
  } deriving (Eq, Show)

instance Blank JoinRequest where
  blank = JoinRequest blank

instance FromJSON JoinRequest where
  parseJSON = withObject "JoinRequest" $ \o -> JoinRequest
    <$> o ?: "token"

instance ToJSON JoinRequest where
  toJSON v = object $ concat
    [ "token" =! joinRequestToken v
    ]

data JoinResult = JoinResult
  { joinResultExpires :: Maybe UTCTime
    -- ^ of the membership certificate
  , joinResultNetwork :: Text
  , joinResultRole :: Text
  , joinResultVia :: Text
    -- ^ the member that admitted it; empty after a network key was restored
  } deriving (Eq, Show)

instance Blank JoinResult where
  blank = JoinResult blank blank blank blank

instance FromJSON JoinResult where
  parseJSON = withObject "JoinResult" $ \o -> JoinResult
    <$> o ?: "expires"
    <*> o ?: "network"
    <*> o ?: "role"
    <*> o ?: "via"

instance ToJSON JoinResult where
  toJSON v = object $ concat
    [ "expires" =! joinResultExpires v
    , "network" =! joinResultNetwork v
    , "role" =! joinResultRole v
    , "via" =! joinResultVia v
    ]

data KeyRequest = KeyRequest
  { keyRequestExport :: Text
  , keyRequestPassphrase :: Text
  } deriving (Eq, Show)

instance Blank KeyRequest where
  blank = KeyRequest blank blank

instance FromJSON KeyRequest where
  parseJSON = withObject "KeyRequest" $ \o -> KeyRequest
    <$> o ?: "export"
    <*> o ?: "passphrase"

instance ToJSON KeyRequest where
  toJSON v = object $ concat
    [ "export" =? keyRequestExport v
    , "passphrase" =! keyRequestPassphrase v
    ]

data LeaseView = LeaseView
  { leaseViewHeld :: Int64
  , leaseViewId :: Text
  , leaseViewJob :: Text
  , leaseViewRunning :: Int64
  , leaseViewRuntime :: Text
  , leaseViewSince :: Maybe UTCTime
  , leaseViewSlots :: Int64
  } deriving (Eq, Show)

instance Blank LeaseView where
  blank = LeaseView blank blank blank blank blank blank blank

instance FromJSON LeaseView where
  parseJSON = withObject "LeaseView" $ \o -> LeaseView
    <$> o ?: "held"
    <*> o ?: "id"
    <*> o ?: "job"
    <*> o ?: "running"
    <*> o ?: "runtime"
    <*> o ?: "since"
    <*> o ?: "slots"

instance ToJSON LeaseView where
  toJSON v = object $ concat
    [ "held" =! leaseViewHeld v
    , "id" =! leaseViewId v
    , "job" =! leaseViewJob v
    , "running" =! leaseViewRunning v
    , "runtime" =! leaseViewRuntime v
    , "since" =! leaseViewSince v
    , "slots" =! leaseViewSlots v
    ]

data LendStatus = LendStatus
  { lendStatusFree :: Resources
  , lendStatusHeld :: Int64
    -- ^ finished results that borrowers have not acknowledged yet
  , lendStatusLeases :: Int64
  , lendStatusLimits :: Limits
    -- ^ in force: what the owner set, defaults filled in, and no more disk than is free
  , lendStatusReason :: Text
  , lendStatusRefused :: Int64
    -- ^ requests refused since start
  , lendStatusRuntimes :: [RuntimeInfo]
  , lendStatusSandboxes :: Int64
  , lendStatusState :: Text
  , lendStatusTotal :: Resources
  } deriving (Eq, Show)

instance Blank LendStatus where
  blank = LendStatus blank blank blank blank blank blank blank blank blank blank

instance FromJSON LendStatus where
  parseJSON = withObject "LendStatus" $ \o -> LendStatus
    <$> o ?: "free"
    <*> o ?: "held"
    <*> o ?: "leases"
    <*> o ?: "limits"
    <*> o ?: "reason"
    <*> o ?: "refused"
    <*> o ?: "runtimes"
    <*> o ?: "sandboxes"
    <*> o ?: "state"
    <*> o ?: "total"

instance ToJSON LendStatus where
  toJSON v = object $ concat
    [ "free" =! lendStatusFree v
    , "held" =! lendStatusHeld v
    , "leases" =! lendStatusLeases v
    , "limits" =! lendStatusLimits v
    , "reason" =? lendStatusReason v
    , "refused" =! lendStatusRefused v
    , "runtimes" =! lendStatusRuntimes v
    , "sandboxes" =! lendStatusSandboxes v
    , "state" =! lendStatusState v
    , "total" =! lendStatusTotal v
    ]

data Limits = Limits
  { limitsHours :: [Text]
    -- ^ when this node lends, in its local time, like 22:00-07:00 or sat,sun 00:00-24:00; always by default
  , limitsIdle :: Text
    -- ^ lend only while the owner has left the machine alone for so long; 0: also while it is in use
  , limitsImages :: Int64
    -- ^ most bytes of images that are kept for borrowers, all together; 20 GiB by default
  , limitsMaxOutput :: Int64
    -- ^ most bytes one task may print; 64 MiB by default
  , limitsMaxProcesses :: Int64
    -- ^ most processes in a sandbox; 256 by default
  , limitsMaxWall :: Text
    -- ^ longest a task may run; 24h by default
  , limitsPerGuest :: Maybe Resources
    -- ^ for one sandbox; 0 in a dimension: per_peer
  , limitsPerPeer :: Maybe Resources
    -- ^ for all sandboxes of one peer; 0 in a dimension: total
  , limitsRuntimes :: [Text]
    -- ^ those lent; wasm and docker by default
  , limitsTotal :: Maybe Resources
    -- ^ for all guests together; cores-1 (at least 1) and half of memory by default
  } deriving (Eq, Show)

instance Blank Limits where
  blank = Limits blank blank blank blank blank blank blank blank blank blank

instance FromJSON Limits where
  parseJSON = withObject "Limits" $ \o -> Limits
    <$> o ?: "hours"
    <*> o ?: "idle"
    <*> o ?: "images"
    <*> o ?: "max_output"
    <*> o ?: "max_processes"
    <*> o ?: "max_wall"
    <*> o ?: "per_guest"
    <*> o ?: "per_peer"
    <*> o ?: "runtimes"
    <*> o ?: "total"

instance ToJSON Limits where
  toJSON v = object $ concat
    [ "hours" =? limitsHours v
    , "idle" =? limitsIdle v
    , "images" =? limitsImages v
    , "max_output" =? limitsMaxOutput v
    , "max_processes" =? limitsMaxProcesses v
    , "max_wall" =? limitsMaxWall v
    , "per_guest" =? limitsPerGuest v
    , "per_peer" =? limitsPerPeer v
    , "runtimes" =? limitsRuntimes v
    , "total" =? limitsTotal v
    ]

data LogChunk = LogChunk
  { logChunkAgain :: Bool
    -- ^ the task began again elsewhere and prints something else: what follows is this stream from its beginning
  , logChunkData :: Bytes
    -- ^ base64
  , logChunkStream :: Text
  , logChunkTask :: Int64
  } deriving (Eq, Show)

instance Blank LogChunk where
  blank = LogChunk blank blank blank blank

instance FromJSON LogChunk where
  parseJSON = withObject "LogChunk" $ \o -> LogChunk
    <$> o ?: "again"
    <*> o ?: "data"
    <*> o ?: "stream"
    <*> o ?: "task"

instance ToJSON LogChunk where
  toJSON v = object $ concat
    [ "again" =? logChunkAgain v
    , "data" =! logChunkData v
    , "stream" =! logChunkStream v
    , "task" =! logChunkTask v
    ]

data MainCommand = MainCommand
  { mainCommandArgs :: [Text]
  , mainCommandEnded :: Bool
  , mainCommandExit :: Maybe Exit
  } deriving (Eq, Show)

instance Blank MainCommand where
  blank = MainCommand blank blank blank

instance FromJSON MainCommand where
  parseJSON = withObject "MainCommand" $ \o -> MainCommand
    <$> o ?: "args"
    <*> o ?: "ended"
    <*> o ?: "exit"

instance ToJSON MainCommand where
  toJSON v = object $ concat
    [ "args" =? mainCommandArgs v
    , "ended" =? mainCommandEnded v
    , "exit" =? mainCommandExit v
    ]

data MapSpec = MapSpec
  { mapSpecAllow :: [Text]
    -- ^ networks and addresses of clients; empty: everybody
  , mapSpecAny :: Bool
    -- ^ any free port will do at the gateway
  , mapSpecContainer :: Text
    -- ^ one of this node's containers, instead of peers
  , mapSpecDomain :: Text
    -- ^ instead of a port: a name, like app.example.org, under which the gateway takes HTTPS with a certificate and hands on HTTP
  , mapSpecH2c :: Bool
    -- ^ with a domain: HTTP/2 without TLS is handed on, as gRPC needs it, instead of HTTP/1.1
  , mapSpecNetwork :: Text
    -- ^ tcp if empty
  , mapSpecOn :: [Text]
    -- ^ names or ids of peers; connections are spread over those that answer. Empty: this node
  , mapSpecPassthrough :: Bool
    -- ^ with a domain: TLS is handed on unopened, and the certificate is the service's
  , mapSpecPort :: Int64
    -- ^ where it leads; the first, where there are several
  , mapSpecPorts :: Int64
    -- ^ how many ports side by side; 1 if 0
  , mapSpecProxyProtocol :: Bool
    -- ^ each connection begins with the PROXY protocol's line that says who the client is
  , mapSpecPublic :: Int64
    -- ^ the first port at the gateway; 0: Port if that can be had, else any
  , mapSpecTtl :: Text
    -- ^ how long it lives; 0: until it is removed
  , mapSpecVia :: Text
    -- ^ the gateway, by name or id; empty: the one with the least latency, and another when it is gone
  } deriving (Eq, Show)

instance Blank MapSpec where
  blank = MapSpec blank blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON MapSpec where
  parseJSON = withObject "MapSpec" $ \o -> MapSpec
    <$> o ?: "allow"
    <*> o ?: "any"
    <*> o ?: "container"
    <*> o ?: "domain"
    <*> o ?: "h2c"
    <*> o ?: "network"
    <*> o ?: "on"
    <*> o ?: "passthrough"
    <*> o ?: "port"
    <*> o ?: "ports"
    <*> o ?: "proxy_protocol"
    <*> o ?: "public"
    <*> o ?: "ttl"
    <*> o ?: "via"

instance ToJSON MapSpec where
  toJSON v = object $ concat
    [ "allow" =? mapSpecAllow v
    , "any" =? mapSpecAny v
    , "container" =? mapSpecContainer v
    , "domain" =? mapSpecDomain v
    , "h2c" =? mapSpecH2c v
    , "network" =? mapSpecNetwork v
    , "on" =? mapSpecOn v
    , "passthrough" =? mapSpecPassthrough v
    , "port" =! mapSpecPort v
    , "ports" =? mapSpecPorts v
    , "proxy_protocol" =? mapSpecProxyProtocol v
    , "public" =? mapSpecPublic v
    , "ttl" =? mapSpecTtl v
    , "via" =? mapSpecVia v
    ]

data MapTarget = MapTarget
  { mapTargetDown :: Text
    -- ^ why it gets no connections now
  , mapTargetName :: Text
  , mapTargetPeer :: Text
    -- ^ empty: this node, or a container
  } deriving (Eq, Show)

instance Blank MapTarget where
  blank = MapTarget blank blank blank

instance FromJSON MapTarget where
  parseJSON = withObject "MapTarget" $ \o -> MapTarget
    <$> o ?: "down"
    <*> o ?: "name"
    <*> o ?: "peer"

instance ToJSON MapTarget where
  toJSON v = object $ concat
    [ "down" =? mapTargetDown v
    , "name" =? mapTargetName v
    , "peer" =? mapTargetPeer v
    ]

data Mapping = Mapping
  { mappingBytesIn :: Int64
    -- ^ to the target
  , mappingBytesOut :: Int64
    -- ^ from the target
  , mappingCreated :: Maybe UTCTime
  , mappingDns :: [DNSRecord]
    -- ^ what must stand in the DNS for its domain; empty where its gateway knows no address
  , mappingExpires :: Maybe UTCTime
  , mappingGateway :: Text
    -- ^ the gateway that has it, or had it last
  , mappingGatewayName :: Text
  , mappingId :: Text
  , mappingOpen :: Int64
    -- ^ connections now
  , mappingPublic :: [Text]
    -- ^ where it is reached: HOST:PORT for each port, or https://DOMAIN; empty where its gateway knows no address, as reason then says
  , mappingReason :: Text
    -- ^ why it is not open, or what failed last, or why it is not known where it is reached, or what its domain still waits for
  , mappingRefused :: Int64
    -- ^ connections that were turned away: over a limit, or from an address that may not
  , mappingSpec :: MapSpec
  , mappingState :: Text
  , mappingTargets :: [MapTarget]
    -- ^ where it leads
  , mappingTotal :: Int64
    -- ^ connections
  } deriving (Eq, Show)

instance Blank Mapping where
  blank = Mapping blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON Mapping where
  parseJSON = withObject "Mapping" $ \o -> Mapping
    <$> o ?: "bytes_in"
    <*> o ?: "bytes_out"
    <*> o ?: "created"
    <*> o ?: "dns"
    <*> o ?: "expires"
    <*> o ?: "gateway"
    <*> o ?: "gateway_name"
    <*> o ?: "id"
    <*> o ?: "open"
    <*> o ?: "public"
    <*> o ?: "reason"
    <*> o ?: "refused"
    <*> o ?: "spec"
    <*> o ?: "state"
    <*> o ?: "targets"
    <*> o ?: "total"

instance ToJSON Mapping where
  toJSON v = object $ concat
    [ "bytes_in" =! mappingBytesIn v
    , "bytes_out" =! mappingBytesOut v
    , "created" =! mappingCreated v
    , "dns" =? mappingDns v
    , "expires" =? mappingExpires v
    , "gateway" =? mappingGateway v
    , "gateway_name" =? mappingGatewayName v
    , "id" =! mappingId v
    , "open" =! mappingOpen v
    , "public" =! mappingPublic v
    , "reason" =? mappingReason v
    , "refused" =! mappingRefused v
    , "spec" =! mappingSpec v
    , "state" =! mappingState v
    , "targets" =! mappingTargets v
    , "total" =! mappingTotal v
    ]

data Member = Member
  { memberAdmitted :: Maybe UTCTime
  , memberBy :: Text
    -- ^ the member that countersigned
  , memberExpires :: Maybe UTCTime
  , memberId :: Text
  , memberInvite :: Text
    -- ^ empty for the network's first node
  , memberName :: Text
  , memberRevoked :: Bool
  , memberRole :: Text
  , memberSelf :: Bool
  } deriving (Eq, Show)

instance Blank Member where
  blank = Member blank blank blank blank blank blank blank blank blank

instance FromJSON Member where
  parseJSON = withObject "Member" $ \o -> Member
    <$> o ?: "admitted"
    <*> o ?: "by"
    <*> o ?: "expires"
    <*> o ?: "id"
    <*> o ?: "invite"
    <*> o ?: "name"
    <*> o ?: "revoked"
    <*> o ?: "role"
    <*> o ?: "self"

instance ToJSON Member where
  toJSON v = object $ concat
    [ "admitted" =! memberAdmitted v
    , "by" =! memberBy v
    , "expires" =! memberExpires v
    , "id" =! memberId v
    , "invite" =? memberInvite v
    , "name" =! memberName v
    , "revoked" =! memberRevoked v
    , "role" =! memberRole v
    , "self" =! memberSelf v
    ]

data MetaRequest = MetaRequest
  { metaRequestText :: Text
  } deriving (Eq, Show)

instance Blank MetaRequest where
  blank = MetaRequest blank

instance FromJSON MetaRequest where
  parseJSON = withObject "MetaRequest" $ \o -> MetaRequest
    <$> o ?: "text"

instance ToJSON MetaRequest where
  toJSON v = object $ concat
    [ "text" =! metaRequestText v
    ]

data NetworkKey = NetworkKey
  { networkKeyExport :: Text
  , networkKeyNetwork :: Text
  } deriving (Eq, Show)

instance Blank NetworkKey where
  blank = NetworkKey blank blank

instance FromJSON NetworkKey where
  parseJSON = withObject "NetworkKey" $ \o -> NetworkKey
    <$> o ?: "export"
    <*> o ?: "network"

instance ToJSON NetworkKey where
  toJSON v = object $ concat
    [ "export" =! networkKeyExport v
    , "network" =? networkKeyNetwork v
    ]

data NodeProgress = NodeProgress
  { nodeProgressBusy :: Text
    -- ^ sum of the wall time of its attempts
  , nodeProgressDone :: Int64
  , nodeProgressFailed :: Int64
  , nodeProgressLost :: Int64
    -- ^ attempts lost or withdrawn
  , nodeProgressName :: Text
  , nodeProgressPeer :: Text
  , nodeProgressQueued :: Int64
    -- ^ given to it, not begun
  , nodeProgressReason :: Text
    -- ^ why it is not working
  , nodeProgressRunning :: Int64
  , nodeProgressSlots :: Int64
    -- ^ held now
  , nodeProgressState :: Text
    -- ^ working, idle, lost, withdrawn, refused, set aside
  } deriving (Eq, Show)

instance Blank NodeProgress where
  blank = NodeProgress blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON NodeProgress where
  parseJSON = withObject "NodeProgress" $ \o -> NodeProgress
    <$> o ?: "busy"
    <*> o ?: "done"
    <*> o ?: "failed"
    <*> o ?: "lost"
    <*> o ?: "name"
    <*> o ?: "peer"
    <*> o ?: "queued"
    <*> o ?: "reason"
    <*> o ?: "running"
    <*> o ?: "slots"
    <*> o ?: "state"

instance ToJSON NodeProgress where
  toJSON v = object $ concat
    [ "busy" =! nodeProgressBusy v
    , "done" =! nodeProgressDone v
    , "failed" =! nodeProgressFailed v
    , "lost" =! nodeProgressLost v
    , "name" =! nodeProgressName v
    , "peer" =! nodeProgressPeer v
    , "queued" =! nodeProgressQueued v
    , "reason" =? nodeProgressReason v
    , "running" =! nodeProgressRunning v
    , "slots" =! nodeProgressSlots v
    , "state" =! nodeProgressState v
    ]

data OutputFile = OutputFile
  { outputFileBlob :: Text
  , outputFileMode :: Int64
  , outputFilePath :: Text
  , outputFileSize :: Int64
  } deriving (Eq, Show)

instance Blank OutputFile where
  blank = OutputFile blank blank blank blank

instance FromJSON OutputFile where
  parseJSON = withObject "OutputFile" $ \o -> OutputFile
    <$> o ?: "blob"
    <*> o ?: "mode"
    <*> o ?: "path"
    <*> o ?: "size"

instance ToJSON OutputFile where
  toJSON v = object $ concat
    [ "blob" =! outputFileBlob v
    , "mode" =! outputFileMode v
    , "path" =! outputFilePath v
    , "size" =! outputFileSize v
    ]

data Peer = Peer
  { peerAddr :: Text
    -- ^ the remote address in use, empty if not connected
  , peerAddrs :: [Text]
    -- ^ multiaddrs at which it can be reached; /p2p/ID/p2p-circuit is through the member ID
  , peerFeatures :: [Text]
    -- ^ protocol ids and feature names
  , peerFree :: Resources
    -- ^ lent now at most
  , peerGateway :: Bool
    -- ^ its owner lets some members map ports through it
  , peerId :: Text
  , peerLabels :: Map Text Text
  , peerLastSeen :: Maybe UTCTime
    -- ^ by this node's clock
  , peerLatency :: Text
    -- ^ round trip measured here, smoothed; 0 if never
  , peerLending :: Text
  , peerLooking :: Bool
    -- ^ it has just started, and finds out what it can lend
  , peerMeta :: Text
    -- ^ custom text
  , peerName :: Text
  , peerPath :: Text
  , peerReachability :: Text
    -- ^ as it found out with the help of others
  , peerRelays :: Bool
    -- ^ it relays for members
  , peerRole :: Text
  , peerRuntimes :: [RuntimeInfo]
    -- ^ those it lends
  , peerSeq :: Int64
    -- ^ grows with every change
  , peerSpecs :: Specs
  , peerState :: Text
  , peerTime :: Maybe UTCTime
    -- ^ when it was made, by the node's own clock
  , peerTotal :: Resources
    -- ^ lent at most
  , peerTraffic :: [Traffic]
    -- ^ bytes of work exchanged with it since this node started, by path
  , peerVersion :: Text
  , peerVia :: Text
    -- ^ the member that relays, where the path is relayed
  } deriving (Eq, Show)

instance Blank Peer where
  blank = Peer blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON Peer where
  parseJSON = withObject "Peer" $ \o -> Peer
    <$> o ?: "addr"
    <*> o ?: "addrs"
    <*> o ?: "features"
    <*> o ?: "free"
    <*> o ?: "gateway"
    <*> o ?: "id"
    <*> o ?: "labels"
    <*> o ?: "last_seen"
    <*> o ?: "latency"
    <*> o ?: "lending"
    <*> o ?: "looking"
    <*> o ?: "meta"
    <*> o ?: "name"
    <*> o ?: "path"
    <*> o ?: "reachability"
    <*> o ?: "relays"
    <*> o ?: "role"
    <*> o ?: "runtimes"
    <*> o ?: "seq"
    <*> o ?: "specs"
    <*> o ?: "state"
    <*> o ?: "time"
    <*> o ?: "total"
    <*> o ?: "traffic"
    <*> o ?: "version"
    <*> o ?: "via"

instance ToJSON Peer where
  toJSON v = object $ concat
    [ "addr" =! peerAddr v
    , "addrs" =! peerAddrs v
    , "features" =! peerFeatures v
    , "free" =! peerFree v
    , "gateway" =? peerGateway v
    , "id" =! peerId v
    , "labels" =! peerLabels v
    , "last_seen" =! peerLastSeen v
    , "latency" =! peerLatency v
    , "lending" =! peerLending v
    , "looking" =? peerLooking v
    , "meta" =! peerMeta v
    , "name" =! peerName v
    , "path" =! peerPath v
    , "reachability" =! peerReachability v
    , "relays" =! peerRelays v
    , "role" =! peerRole v
    , "runtimes" =! peerRuntimes v
    , "seq" =! peerSeq v
    , "specs" =! peerSpecs v
    , "state" =! peerState v
    , "time" =! peerTime v
    , "total" =! peerTotal v
    , "traffic" =? peerTraffic v
    , "version" =! peerVersion v
    , "via" =? peerVia v
    ]

data PeerStatus = PeerStatus
  { peerStatusFeatures :: [Text]
  , peerStatusId :: Text
  , peerStatusName :: Text
  , peerStatusTime :: Maybe UTCTime
  , peerStatusVersion :: Text
  } deriving (Eq, Show)

instance Blank PeerStatus where
  blank = PeerStatus blank blank blank blank blank

instance FromJSON PeerStatus where
  parseJSON = withObject "PeerStatus" $ \o -> PeerStatus
    <$> o ?: "features"
    <*> o ?: "id"
    <*> o ?: "name"
    <*> o ?: "time"
    <*> o ?: "version"

instance ToJSON PeerStatus where
  toJSON v = object $ concat
    [ "features" =! peerStatusFeatures v
    , "id" =! peerStatusId v
    , "name" =! peerStatusName v
    , "time" =! peerStatusTime v
    , "version" =! peerStatusVersion v
    ]

data PingResult = PingResult
  { pingResultLatency :: Text
  } deriving (Eq, Show)

instance Blank PingResult where
  blank = PingResult blank

instance FromJSON PingResult where
  parseJSON = withObject "PingResult" $ \o -> PingResult
    <$> o ?: "latency"

instance ToJSON PingResult where
  toJSON v = object $ concat
    [ "latency" =! pingResultLatency v
    ]

data Place = Place
  { placeExpires :: Maybe UTCTime
    -- ^ renewed long before
  , placeLatency :: Text
    -- ^ round trip to the relay
  , placeName :: Text
  , placeRelay :: Text
  , placeSince :: Maybe UTCTime
  } deriving (Eq, Show)

instance Blank Place where
  blank = Place blank blank blank blank blank

instance FromJSON Place where
  parseJSON = withObject "Place" $ \o -> Place
    <$> o ?: "expires"
    <*> o ?: "latency"
    <*> o ?: "name"
    <*> o ?: "relay"
    <*> o ?: "since"

instance ToJSON Place where
  toJSON v = object $ concat
    [ "expires" =! placeExpires v
    , "latency" =! placeLatency v
    , "name" =! placeName v
    , "relay" =! placeRelay v
    , "since" =! placeSince v
    ]

data Port = Port
  { portAddress :: Text
    -- ^ how it is reached from here, as far as this node knows
  , portInside :: Int64
  , portName :: Text
  , portOutside :: Int64
    -- ^ on the lender's host
  } deriving (Eq, Show)

instance Blank Port where
  blank = Port blank blank blank blank

instance FromJSON Port where
  parseJSON = withObject "Port" $ \o -> Port
    <$> o ?: "address"
    <*> o ?: "inside"
    <*> o ?: "name"
    <*> o ?: "outside"

instance ToJSON Port where
  toJSON v = object $ concat
    [ "address" =? portAddress v
    , "inside" =! portInside v
    , "name" =? portName v
    , "outside" =! portOutside v
    ]

data Problem = Problem
  { problemDetail :: Text
    -- ^ what went wrong
  , problemHint :: Text
    -- ^ what to try next
  , problemKind :: Text
    -- ^ closed list; see docs/api.md
  , problemOp :: Text
    -- ^ what was being done; the owner's door only
  , problemStatus :: Int64
  , problemTitle :: Text
    -- ^ the kind in words
  , problemType :: Text
    -- ^ always about:blank
  } deriving (Eq, Show)

instance Blank Problem where
  blank = Problem blank blank blank blank blank blank blank

instance FromJSON Problem where
  parseJSON = withObject "Problem" $ \o -> Problem
    <$> o ?: "detail"
    <*> o ?: "hint"
    <*> o ?: "kind"
    <*> o ?: "op"
    <*> o ?: "status"
    <*> o ?: "title"
    <*> o ?: "type"

instance ToJSON Problem where
  toJSON v = object $ concat
    [ "detail" =! problemDetail v
    , "hint" =? problemHint v
    , "kind" =! problemKind v
    , "op" =? problemOp v
    , "status" =! problemStatus v
    , "title" =! problemTitle v
    , "type" =! problemType v
    ]

data PublishSpec = PublishSpec
  { publishSpecInside :: Int64
  , publishSpecOutside :: Int64
    -- ^ on the lender; 0: any free one
  } deriving (Eq, Show)

instance Blank PublishSpec where
  blank = PublishSpec blank blank

instance FromJSON PublishSpec where
  parseJSON = withObject "PublishSpec" $ \o -> PublishSpec
    <$> o ?: "inside"
    <*> o ?: "outside"

instance ToJSON PublishSpec where
  toJSON v = object $ concat
    [ "inside" =! publishSpecInside v
    , "outside" =? publishSpecOutside v
    ]

data Reach = Reach
  { reachPlaces :: [Place]
  , reachReachability :: Text
  , reachSetAside :: [SetAside]
  , reachSightings :: [Sighting]
  , reachTcpLeaves :: Bool
    -- ^ a member outside was reached over TCP
  , reachTcpNat :: Text
  , reachUdpLeaves :: Bool
    -- ^ a member outside was reached over QUIC
  , reachUdpNat :: Text
  } deriving (Eq, Show)

instance Blank Reach where
  blank = Reach blank blank blank blank blank blank blank blank

instance FromJSON Reach where
  parseJSON = withObject "Reach" $ \o -> Reach
    <$> o ?: "places"
    <*> o ?: "reachability"
    <*> o ?: "set_aside"
    <*> o ?: "sightings"
    <*> o ?: "tcp_leaves"
    <*> o ?: "tcp_nat"
    <*> o ?: "udp_leaves"
    <*> o ?: "udp_nat"

instance ToJSON Reach where
  toJSON v = object $ concat
    [ "places" =! reachPlaces v
    , "reachability" =! reachReachability v
    , "set_aside" =! reachSetAside v
    , "sightings" =! reachSightings v
    , "tcp_leaves" =! reachTcpLeaves v
    , "tcp_nat" =! reachTcpNat v
    , "udp_leaves" =! reachUdpLeaves v
    , "udp_nat" =! reachUdpNat v
    ]

data ReasonRequest = ReasonRequest
  { reasonRequestReason :: Text
  } deriving (Eq, Show)

instance Blank ReasonRequest where
  blank = ReasonRequest blank

instance FromJSON ReasonRequest where
  parseJSON = withObject "ReasonRequest" $ \o -> ReasonRequest
    <$> o ?: "reason"

instance ToJSON ReasonRequest where
  toJSON v = object $ concat
    [ "reason" =? reasonRequestReason v
    ]

data RelayStatus = RelayStatus
  { relayStatusActive :: Bool
    -- ^ it is public and relays for members now
  , relayStatusBytes :: Int64
    -- ^ relayed since start
  , relayStatusCircuits :: Int64
    -- ^ connections relayed now
  , relayStatusEnabled :: Bool
    -- ^ the owner lets it relay
  , relayStatusLimit :: Int64
    -- ^ circuits at most
  , relayStatusPlaces :: Int64
    -- ^ members that can be reached through it
  , relayStatusRate :: Int64
    -- ^ bytes a second at most, both ways together; 0: no limit
  , relayStatusRefused :: Int64
    -- ^ circuits refused since start
  } deriving (Eq, Show)

instance Blank RelayStatus where
  blank = RelayStatus blank blank blank blank blank blank blank blank

instance FromJSON RelayStatus where
  parseJSON = withObject "RelayStatus" $ \o -> RelayStatus
    <$> o ?: "active"
    <*> o ?: "bytes"
    <*> o ?: "circuits"
    <*> o ?: "enabled"
    <*> o ?: "limit"
    <*> o ?: "places"
    <*> o ?: "rate"
    <*> o ?: "refused"

instance ToJSON RelayStatus where
  toJSON v = object $ concat
    [ "active" =! relayStatusActive v
    , "bytes" =! relayStatusBytes v
    , "circuits" =! relayStatusCircuits v
    , "enabled" =! relayStatusEnabled v
    , "limit" =! relayStatusLimit v
    , "places" =! relayStatusPlaces v
    , "rate" =! relayStatusRate v
    , "refused" =! relayStatusRefused v
    ]

data Resources = Resources
  { resourcesCpu :: Double
    -- ^ cores
  , resourcesDisk :: Int64
    -- ^ bytes
  , resourcesGpu :: Int64
    -- ^ whole GPUs
  , resourcesMemory :: Int64
    -- ^ bytes
  } deriving (Eq, Show)

instance Blank Resources where
  blank = Resources blank blank blank blank

instance FromJSON Resources where
  parseJSON = withObject "Resources" $ \o -> Resources
    <$> o ?: "cpu"
    <*> o ?: "disk"
    <*> o ?: "gpu"
    <*> o ?: "memory"

instance ToJSON Resources where
  toJSON v = object $ concat
    [ "cpu" =? resourcesCpu v
    , "disk" =? resourcesDisk v
    , "gpu" =? resourcesGpu v
    , "memory" =? resourcesMemory v
    ]

data RetryResult = RetryResult
  { retryResultTasks :: Int64
  } deriving (Eq, Show)

instance Blank RetryResult where
  blank = RetryResult blank

instance FromJSON RetryResult where
  parseJSON = withObject "RetryResult" $ \o -> RetryResult
    <$> o ?: "tasks"

instance ToJSON RetryResult where
  toJSON v = object $ concat
    [ "tasks" =! retryResultTasks v
    ]

data RevokeRequest = RevokeRequest
  { revokeRequestAllAdmitted :: Bool
    -- ^ with invite: revoke the nodes it admitted too
  , revokeRequestInvite :: Text
  , revokeRequestNode :: Text
  , revokeRequestReason :: Text
  } deriving (Eq, Show)

instance Blank RevokeRequest where
  blank = RevokeRequest blank blank blank blank

instance FromJSON RevokeRequest where
  parseJSON = withObject "RevokeRequest" $ \o -> RevokeRequest
    <$> o ?: "all_admitted"
    <*> o ?: "invite"
    <*> o ?: "node"
    <*> o ?: "reason"

instance ToJSON RevokeRequest where
  toJSON v = object $ concat
    [ "all_admitted" =? revokeRequestAllAdmitted v
    , "invite" =? revokeRequestInvite v
    , "node" =? revokeRequestNode v
    , "reason" =? revokeRequestReason v
    ]

data RoleRequest = RoleRequest
  { roleRequestRole :: Text
  } deriving (Eq, Show)

instance Blank RoleRequest where
  blank = RoleRequest blank

instance FromJSON RoleRequest where
  parseJSON = withObject "RoleRequest" $ \o -> RoleRequest
    <$> o ?: "role"

instance ToJSON RoleRequest where
  toJSON v = object $ concat
    [ "role" =! roleRequestRole v
    ]

data Rule = Rule
  { ruleAction :: Text
    -- ^ run, container, image, pull, network, forward, map, or *
  , ruleAllow :: Bool
  , ruleResource :: Text
    -- ^ runtime:wasm, runtime:process, ..., for network: network:filtered or network:open, for pull: image:debian or image:registry.example/team/*, for forward: port:5432, port:8000-8010 or host:NAME:PORT, for map: listen:8000-8999 or domain:*.example.org at this gateway, or port:3000 here, or *
  , ruleSubject :: Text
    -- ^ a peer id, role:member, role:admin, ..., or *
  } deriving (Eq, Show)

instance Blank Rule where
  blank = Rule blank blank blank blank

instance FromJSON Rule where
  parseJSON = withObject "Rule" $ \o -> Rule
    <$> o ?: "action"
    <*> o ?: "allow"
    <*> o ?: "resource"
    <*> o ?: "subject"

instance ToJSON Rule where
  toJSON v = object $ concat
    [ "action" =! ruleAction v
    , "allow" =! ruleAllow v
    , "resource" =! ruleResource v
    , "subject" =! ruleSubject v
    ]

data RuntimeInfo = RuntimeInfo
  { runtimeInfoAvailable :: Bool
    -- ^ it works on this machine
  , runtimeInfoEnabled :: Bool
    -- ^ the owner lends it
  , runtimeInfoIsolation :: Text
    -- ^ one line: what stands between a guest and the machine; none where nothing does
  , runtimeInfoLimits :: [Text]
    -- ^ which limits are enforced: memory, cpu_time, wall_time, output, disk, processes
  , runtimeInfoMissing :: [Text]
    -- ^ what it cannot give here and why
  , runtimeInfoName :: Text
  , runtimeInfoNetworks :: [Text]
    -- ^ what guests may be given beyond none: filtered, open
  } deriving (Eq, Show)

instance Blank RuntimeInfo where
  blank = RuntimeInfo blank blank blank blank blank blank blank

instance FromJSON RuntimeInfo where
  parseJSON = withObject "RuntimeInfo" $ \o -> RuntimeInfo
    <$> o ?: "available"
    <*> o ?: "enabled"
    <*> o ?: "isolation"
    <*> o ?: "limits"
    <*> o ?: "missing"
    <*> o ?: "name"
    <*> o ?: "networks"

instance ToJSON RuntimeInfo where
  toJSON v = object $ concat
    [ "available" =! runtimeInfoAvailable v
    , "enabled" =! runtimeInfoEnabled v
    , "isolation" =! runtimeInfoIsolation v
    , "limits" =! runtimeInfoLimits v
    , "missing" =! runtimeInfoMissing v
    , "name" =! runtimeInfoName v
    , "networks" =? runtimeInfoNetworks v
    ]

data Sandbox = Sandbox
  { sandboxBorrower :: Text
  , sandboxBorrowerName :: Text
  , sandboxCap :: Resources
  , sandboxCpu :: Double
    -- ^ cores in use over the last second or so
  , sandboxCpuTime :: Text
    -- ^ used since it was opened
  , sandboxId :: Text
  , sandboxJob :: Text
  , sandboxJobName :: Text
  , sandboxLease :: Text
  , sandboxMemory :: Int64
    -- ^ bytes in use now
  , sandboxRuntime :: Text
  , sandboxSince :: Maybe UTCTime
  , sandboxState :: Text
  , sandboxTask :: Int64
    -- ^ the one it runs now, -1 if none
  , sandboxTasks :: Int64
    -- ^ finished in it
  } deriving (Eq, Show)

instance Blank Sandbox where
  blank = Sandbox blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON Sandbox where
  parseJSON = withObject "Sandbox" $ \o -> Sandbox
    <$> o ?: "borrower"
    <*> o ?: "borrower_name"
    <*> o ?: "cap"
    <*> o ?: "cpu"
    <*> o ?: "cpu_time"
    <*> o ?: "id"
    <*> o ?: "job"
    <*> o ?: "job_name"
    <*> o ?: "lease"
    <*> o ?: "memory"
    <*> o ?: "runtime"
    <*> o ?: "since"
    <*> o ?: "state"
    <*> o ?: "task"
    <*> o ?: "tasks"

instance ToJSON Sandbox where
  toJSON v = object $ concat
    [ "borrower" =! sandboxBorrower v
    , "borrower_name" =! sandboxBorrowerName v
    , "cap" =! sandboxCap v
    , "cpu" =! sandboxCpu v
    , "cpu_time" =! sandboxCpuTime v
    , "id" =! sandboxId v
    , "job" =! sandboxJob v
    , "job_name" =? sandboxJobName v
    , "lease" =! sandboxLease v
    , "memory" =! sandboxMemory v
    , "runtime" =! sandboxRuntime v
    , "since" =! sandboxSince v
    , "state" =! sandboxState v
    , "task" =! sandboxTask v
    , "tasks" =! sandboxTasks v
    ]

data SendImage = SendImage
  { sendImageImage :: Text
    -- ^ a name or an id on this node's engine, or the id of an archive that was uploaded
  , sendImagePeers :: [Text]
  , sendImageWhere :: Text
    -- ^ CEL over the peer record: to those that are alive and lend, where it is true, instead of peers
  } deriving (Eq, Show)

instance Blank SendImage where
  blank = SendImage blank blank blank

instance FromJSON SendImage where
  parseJSON = withObject "SendImage" $ \o -> SendImage
    <$> o ?: "image"
    <*> o ?: "peers"
    <*> o ?: "where"

instance ToJSON SendImage where
  toJSON v = object $ concat
    [ "image" =! sendImageImage v
    , "peers" =? sendImagePeers v
    , "where" =? sendImageWhere v
    ]

data SetAside = SetAside
  { setAsideName :: Text
  , setAsideRelay :: Text
  , setAsideUntil :: Maybe UTCTime
  , setAsideWhy :: Text
  } deriving (Eq, Show)

instance Blank SetAside where
  blank = SetAside blank blank blank blank

instance FromJSON SetAside where
  parseJSON = withObject "SetAside" $ \o -> SetAside
    <$> o ?: "name"
    <*> o ?: "relay"
    <*> o ?: "until"
    <*> o ?: "why"

instance ToJSON SetAside where
  toJSON v = object $ concat
    [ "name" =! setAsideName v
    , "relay" =! setAsideRelay v
    , "until" =! setAsideUntil v
    , "why" =! setAsideWhy v
    ]

data Sighting = Sighting
  { sightingAddr :: Text
    -- ^ the address it saw
  , sightingAsked :: Bool
    -- ^ it was asked to dial
  , sightingName :: Text
  , sightingOutside :: Bool
    -- ^ it is not on this machine's own network
  , sightingPeer :: Text
  , sightingReached :: [Text]
    -- ^ addresses at which it reached this node
  , sightingSkewMs :: Int64
    -- ^ its clock minus this machine's, in milliseconds
  , sightingTime :: Maybe UTCTime
  } deriving (Eq, Show)

instance Blank Sighting where
  blank = Sighting blank blank blank blank blank blank blank blank

instance FromJSON Sighting where
  parseJSON = withObject "Sighting" $ \o -> Sighting
    <$> o ?: "addr"
    <*> o ?: "asked"
    <*> o ?: "name"
    <*> o ?: "outside"
    <*> o ?: "peer"
    <*> o ?: "reached"
    <*> o ?: "skew_ms"
    <*> o ?: "time"

instance ToJSON Sighting where
  toJSON v = object $ concat
    [ "addr" =! sightingAddr v
    , "asked" =! sightingAsked v
    , "name" =! sightingName v
    , "outside" =! sightingOutside v
    , "peer" =! sightingPeer v
    , "reached" =! sightingReached v
    , "skew_ms" =! sightingSkewMs v
    , "time" =! sightingTime v
    ]

data Specs = Specs
  { specsArch :: Text
    -- ^ GOARCH
  , specsCores :: Int64
    -- ^ logical processors
  , specsCpuModel :: Text
  , specsDisk :: Int64
    -- ^ bytes of the file system that holds the home
  , specsDiskFree :: Int64
    -- ^ bytes free on it
  , specsGpus :: [GPU]
  , specsHostname :: Text
  , specsMemory :: Int64
    -- ^ bytes of RAM
  , specsOs :: Text
    -- ^ GOOS, with the distribution's name where known
  } deriving (Eq, Show)

instance Blank Specs where
  blank = Specs blank blank blank blank blank blank blank blank blank

instance FromJSON Specs where
  parseJSON = withObject "Specs" $ \o -> Specs
    <$> o ?: "arch"
    <*> o ?: "cores"
    <*> o ?: "cpu_model"
    <*> o ?: "disk"
    <*> o ?: "disk_free"
    <*> o ?: "gpus"
    <*> o ?: "hostname"
    <*> o ?: "memory"
    <*> o ?: "os"

instance ToJSON Specs where
  toJSON v = object $ concat
    [ "arch" =! specsArch v
    , "cores" =! specsCores v
    , "cpu_model" =! specsCpuModel v
    , "disk" =! specsDisk v
    , "disk_free" =! specsDiskFree v
    , "gpus" =! specsGpus v
    , "hostname" =! specsHostname v
    , "memory" =! specsMemory v
    , "os" =! specsOs v
    ]

data SpeedResult = SpeedResult
  { speedResultDown :: Throughput
    -- ^ from the peer
  , speedResultLatency :: Text
    -- ^ round trip, before anything else was sent
  , speedResultPath :: Text
  , speedResultUp :: Throughput
    -- ^ to the peer
  , speedResultVia :: Text
    -- ^ the relay of a relayed path
  } deriving (Eq, Show)

instance Blank SpeedResult where
  blank = SpeedResult blank blank blank blank blank

instance FromJSON SpeedResult where
  parseJSON = withObject "SpeedResult" $ \o -> SpeedResult
    <$> o ?: "down"
    <*> o ?: "latency"
    <*> o ?: "path"
    <*> o ?: "up"
    <*> o ?: "via"

instance ToJSON SpeedResult where
  toJSON v = object $ concat
    [ "down" =! speedResultDown v
    , "latency" =! speedResultLatency v
    , "path" =! speedResultPath v
    , "up" =! speedResultUp v
    , "via" =? speedResultVia v
    ]

data Status = Status
  { statusAddrs :: [Text]
  , statusAlive :: Int64
    -- ^ of them alive
  , statusBlobs :: BlobStats
  , statusCounters :: Map Text Int64
    -- ^ since start: refused_strangers, refused_requests, ...
  , statusExpires :: Maybe UTCTime
    -- ^ of this node's membership
  , statusFeatures :: [Text]
  , statusHome :: Text
  , statusId :: Text
  , statusJobs :: Int64
    -- ^ running or paused
  , statusLend :: LendStatus
  , statusName :: Text
  , statusNetwork :: Text
  , statusNetworkKey :: Bool
    -- ^ the network's key is in this home
  , statusPeers :: Int64
    -- ^ other members known
  , statusPid :: Int64
  , statusReachability :: Text
  , statusRelay :: RelayStatus
  , statusRole :: Text
  , statusStarted :: Maybe UTCTime
  , statusVersion :: Text
  } deriving (Eq, Show)

instance Blank Status where
  blank = Status blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON Status where
  parseJSON = withObject "Status" $ \o -> Status
    <$> o ?: "addrs"
    <*> o ?: "alive"
    <*> o ?: "blobs"
    <*> o ?: "counters"
    <*> o ?: "expires"
    <*> o ?: "features"
    <*> o ?: "home"
    <*> o ?: "id"
    <*> o ?: "jobs"
    <*> o ?: "lend"
    <*> o ?: "name"
    <*> o ?: "network"
    <*> o ?: "network_key"
    <*> o ?: "peers"
    <*> o ?: "pid"
    <*> o ?: "reachability"
    <*> o ?: "relay"
    <*> o ?: "role"
    <*> o ?: "started"
    <*> o ?: "version"

instance ToJSON Status where
  toJSON v = object $ concat
    [ "addrs" =! statusAddrs v
    , "alive" =! statusAlive v
    , "blobs" =! statusBlobs v
    , "counters" =! statusCounters v
    , "expires" =! statusExpires v
    , "features" =! statusFeatures v
    , "home" =! statusHome v
    , "id" =! statusId v
    , "jobs" =! statusJobs v
    , "lend" =! statusLend v
    , "name" =! statusName v
    , "network" =! statusNetwork v
    , "network_key" =! statusNetworkKey v
    , "peers" =! statusPeers v
    , "pid" =! statusPid v
    , "reachability" =! statusReachability v
    , "relay" =! statusRelay v
    , "role" =! statusRole v
    , "started" =! statusStarted v
    , "version" =! statusVersion v
    ]

data Stream = Stream
  { streamBlob :: Text
  , streamInline :: Bytes
    -- ^ base64; up to 16 KiB
  , streamSize :: Int64
  } deriving (Eq, Show)

instance Blank Stream where
  blank = Stream blank blank blank

instance FromJSON Stream where
  parseJSON = withObject "Stream" $ \o -> Stream
    <$> o ?: "blob"
    <*> o ?: "inline"
    <*> o ?: "size"

instance ToJSON Stream where
  toJSON v = object $ concat
    [ "blob" =? streamBlob v
    , "inline" =? streamInline v
    , "size" =! streamSize v
    ]

data Task = Task
  { taskAttempt :: Int64
  , taskCause :: Text
  , taskEach :: Map Text Text
  , taskEnded :: Maybe UTCTime
  , taskError :: Text
    -- ^ in words, when it did not succeed
  , taskExit :: Maybe Exit
  , taskFailures :: Int64
    -- ^ retries spent
  , taskFiles :: [OutputFile]
  , taskId :: Int64
  , taskPeer :: Text
    -- ^ where it ran or runs
  , taskState :: Text
  , taskStderr :: Maybe Stream
  , taskStdout :: Maybe Stream
  , taskUsage :: Maybe TaskUsage
  } deriving (Eq, Show)

instance Blank Task where
  blank = Task blank blank blank blank blank blank blank blank blank blank blank blank blank blank

instance FromJSON Task where
  parseJSON = withObject "Task" $ \o -> Task
    <$> o ?: "attempt"
    <*> o ?: "cause"
    <*> o ?: "each"
    <*> o ?: "ended"
    <*> o ?: "error"
    <*> o ?: "exit"
    <*> o ?: "failures"
    <*> o ?: "files"
    <*> o ?: "id"
    <*> o ?: "peer"
    <*> o ?: "state"
    <*> o ?: "stderr"
    <*> o ?: "stdout"
    <*> o ?: "usage"

instance ToJSON Task where
  toJSON v = object $ concat
    [ "attempt" =? taskAttempt v
    , "cause" =? taskCause v
    , "each" =? taskEach v
    , "ended" =? taskEnded v
    , "error" =? taskError v
    , "exit" =? taskExit v
    , "failures" =? taskFailures v
    , "files" =? taskFiles v
    , "id" =! taskId v
    , "peer" =? taskPeer v
    , "state" =! taskState v
    , "stderr" =? taskStderr v
    , "stdout" =? taskStdout v
    , "usage" =? taskUsage v
    ]

data TaskCounts = TaskCounts
  { taskCountsCanceled :: Int64
  , taskCountsDone :: Int64
  , taskCountsFailed :: Int64
  , taskCountsQueued :: Int64
    -- ^ given to a lender, not begun there
  , taskCountsRunning :: Int64
  , taskCountsTotal :: Int64
  , taskCountsWaiting :: Int64
    -- ^ given to nobody
  } deriving (Eq, Show)

instance Blank TaskCounts where
  blank = TaskCounts blank blank blank blank blank blank blank

instance FromJSON TaskCounts where
  parseJSON = withObject "TaskCounts" $ \o -> TaskCounts
    <$> o ?: "canceled"
    <*> o ?: "done"
    <*> o ?: "failed"
    <*> o ?: "queued"
    <*> o ?: "running"
    <*> o ?: "total"
    <*> o ?: "waiting"

instance ToJSON TaskCounts where
  toJSON v = object $ concat
    [ "canceled" =! taskCountsCanceled v
    , "done" =! taskCountsDone v
    , "failed" =! taskCountsFailed v
    , "queued" =! taskCountsQueued v
    , "running" =! taskCountsRunning v
    , "total" =! taskCountsTotal v
    , "waiting" =! taskCountsWaiting v
    ]

data TaskLimits = TaskLimits
  { taskLimitsCpu :: Text
    -- ^ processor time
  , taskLimitsOutput :: Int64
    -- ^ bytes of stdout plus stderr; 64 MiB if 0
  , taskLimitsWall :: Text
    -- ^ time from start to end
  } deriving (Eq, Show)

instance Blank TaskLimits where
  blank = TaskLimits blank blank blank

instance FromJSON TaskLimits where
  parseJSON = withObject "TaskLimits" $ \o -> TaskLimits
    <$> o ?: "cpu"
    <*> o ?: "output"
    <*> o ?: "wall"

instance ToJSON TaskLimits where
  toJSON v = object $ concat
    [ "cpu" =? taskLimitsCpu v
    , "output" =? taskLimitsOutput v
    , "wall" =? taskLimitsWall v
    ]

data TaskUsage = TaskUsage
  { taskUsageBytesIn :: Int64
    -- ^ inputs staged for it
  , taskUsageBytesOut :: Int64
    -- ^ outputs and output streams
  , taskUsageCpu :: Text
    -- ^ user and system
  , taskUsageMaxMemory :: Int64
    -- ^ bytes, highest resident size seen
  , taskUsageWall :: Text
  } deriving (Eq, Show)

instance Blank TaskUsage where
  blank = TaskUsage blank blank blank blank blank

instance FromJSON TaskUsage where
  parseJSON = withObject "TaskUsage" $ \o -> TaskUsage
    <$> o ?: "bytes_in"
    <*> o ?: "bytes_out"
    <*> o ?: "cpu"
    <*> o ?: "max_memory"
    <*> o ?: "wall"

instance ToJSON TaskUsage where
  toJSON v = object $ concat
    [ "bytes_in" =! taskUsageBytesIn v
    , "bytes_out" =! taskUsageBytesOut v
    , "cpu" =! taskUsageCpu v
    , "max_memory" =! taskUsageMaxMemory v
    , "wall" =! taskUsageWall v
    ]

data Template = Template
  { templateBase :: Bool
    -- ^ its Dockerfile takes a base image
  , templateDescription :: Text
  , templateName :: Text
  , templatePorts :: [TemplatePort]
  , templateProblem :: Text
    -- ^ why it cannot be used
  } deriving (Eq, Show)

instance Blank Template where
  blank = Template blank blank blank blank blank

instance FromJSON Template where
  parseJSON = withObject "Template" $ \o -> Template
    <$> o ?: "base"
    <*> o ?: "description"
    <*> o ?: "name"
    <*> o ?: "ports"
    <*> o ?: "problem"

instance ToJSON Template where
  toJSON v = object $ concat
    [ "base" =! templateBase v
    , "description" =! templateDescription v
    , "name" =! templateName v
    , "ports" =! templatePorts v
    , "problem" =? templateProblem v
    ]

data TemplatePort = TemplatePort
  { templatePortDescription :: Text
  , templatePortExternalPort :: Int64
    -- ^ filled in when a container is made
  , templatePortInternalPort :: Int64
  , templatePortIsUsed :: Bool
  , templatePortPortName :: Text
  , templatePortType :: Text
    -- ^ tcp
  } deriving (Eq, Show)

instance Blank TemplatePort where
  blank = TemplatePort blank blank blank blank blank blank

instance FromJSON TemplatePort where
  parseJSON = withObject "TemplatePort" $ \o -> TemplatePort
    <$> o ?: "Description"
    <*> o ?: "ExternalPort"
    <*> o ?: "InternalPort"
    <*> o ?: "IsUsed"
    <*> o ?: "PortName"
    <*> o ?: "Type"

instance ToJSON TemplatePort where
  toJSON v = object $ concat
    [ "Description" =! templatePortDescription v
    , "ExternalPort" =! templatePortExternalPort v
    , "InternalPort" =! templatePortInternalPort v
    , "IsUsed" =! templatePortIsUsed v
    , "PortName" =! templatePortPortName v
    , "Type" =! templatePortType v
    ]

data Throughput = Throughput
  { throughputBytes :: Int64
  , throughputMbitPerS :: Double
  , throughputTime :: Text
  } deriving (Eq, Show)

instance Blank Throughput where
  blank = Throughput blank blank blank

instance FromJSON Throughput where
  parseJSON = withObject "Throughput" $ \o -> Throughput
    <$> o ?: "bytes"
    <*> o ?: "mbit_per_s"
    <*> o ?: "time"

instance ToJSON Throughput where
  toJSON v = object $ concat
    [ "bytes" =! throughputBytes v
    , "mbit_per_s" =! throughputMbitPerS v
    , "time" =! throughputTime v
    ]

data Traffic = Traffic
  { trafficPath :: Text
  , trafficReceived :: Int64
  , trafficSent :: Int64
  } deriving (Eq, Show)

instance Blank Traffic where
  blank = Traffic blank blank blank

instance FromJSON Traffic where
  parseJSON = withObject "Traffic" $ \o -> Traffic
    <$> o ?: "path"
    <*> o ?: "received"
    <*> o ?: "sent"

instance ToJSON Traffic where
  toJSON v = object $ concat
    [ "path" =! trafficPath v
    , "received" =! trafficReceived v
    , "sent" =! trafficSent v
    ]

data Tree = Tree
  { treeFiles :: [TreeFile]
    -- ^ sorted by path
  } deriving (Eq, Show)

instance Blank Tree where
  blank = Tree blank

instance FromJSON Tree where
  parseJSON = withObject "Tree" $ \o -> Tree
    <$> o ?: "files"

instance ToJSON Tree where
  toJSON v = object $ concat
    [ "files" =! treeFiles v
    ]

data TreeFile = TreeFile
  { treeFileBlob :: Text
  , treeFileMode :: Int64
  , treeFilePath :: Text
  , treeFileSize :: Int64
  } deriving (Eq, Show)

instance Blank TreeFile where
  blank = TreeFile blank blank blank blank

instance FromJSON TreeFile where
  parseJSON = withObject "TreeFile" $ \o -> TreeFile
    <$> o ?: "blob"
    <*> o ?: "mode"
    <*> o ?: "path"
    <*> o ?: "size"

instance ToJSON TreeFile where
  toJSON v = object $ concat
    [ "blob" =! treeFileBlob v
    , "mode" =! treeFileMode v
    , "path" =! treeFilePath v
    , "size" =! treeFileSize v
    ]

data TreeInfo = TreeInfo
  { treeInfoBytes :: Int64
  , treeInfoFiles :: Int64
  , treeInfoId :: Text
  } deriving (Eq, Show)

instance Blank TreeInfo where
  blank = TreeInfo blank blank blank

instance FromJSON TreeInfo where
  parseJSON = withObject "TreeInfo" $ \o -> TreeInfo
    <$> o ?: "bytes"
    <*> o ?: "files"
    <*> o ?: "id"

instance ToJSON TreeInfo where
  toJSON v = object $ concat
    [ "bytes" =! treeInfoBytes v
    , "files" =! treeInfoFiles v
    , "id" =! treeInfoId v
    ]

data Tunnel = Tunnel
  { tunnelBytesIn :: Int64
    -- ^ to the target
  , tunnelBytesOut :: Int64
    -- ^ from the target
  , tunnelId :: Text
  , tunnelName :: Text
    -- ^ its name
  , tunnelNetwork :: Text
  , tunnelPeer :: Text
    -- ^ who connected
  , tunnelPublic :: Bool
    -- ^ for somebody outside of the network: it comes through a mapping
  , tunnelSince :: Maybe UTCTime
  , tunnelTo :: Text
    -- ^ HOST:PORT; no host: this machine
  } deriving (Eq, Show)

instance Blank Tunnel where
  blank = Tunnel blank blank blank blank blank blank blank blank blank

instance FromJSON Tunnel where
  parseJSON = withObject "Tunnel" $ \o -> Tunnel
    <$> o ?: "bytes_in"
    <*> o ?: "bytes_out"
    <*> o ?: "id"
    <*> o ?: "name"
    <*> o ?: "network"
    <*> o ?: "peer"
    <*> o ?: "public"
    <*> o ?: "since"
    <*> o ?: "to"

instance ToJSON Tunnel where
  toJSON v = object $ concat
    [ "bytes_in" =! tunnelBytesIn v
    , "bytes_out" =! tunnelBytesOut v
    , "id" =! tunnelId v
    , "name" =? tunnelName v
    , "network" =! tunnelNetwork v
    , "peer" =! tunnelPeer v
    , "public" =? tunnelPublic v
    , "since" =! tunnelSince v
    , "to" =! tunnelTo v
    ]

data UsageRow = UsageRow
  { usageRowBytesIn :: Int64
    -- ^ modules, inputs and standard input that came here for it
  , usageRowBytesOut :: Int64
  , usageRowCpuSeconds :: Double
  , usageRowDay :: Text
    -- ^ YYYY-MM-DD, UTC
  , usageRowGpuSeconds :: Double
  , usageRowJob :: Text
  , usageRowMemoryByteSeconds :: Double
    -- ^ bytes resident times seconds
  , usageRowPeer :: Text
  , usageRowPeerName :: Text
  , usageRowTasks :: Int64
  } deriving (Eq, Show)

instance Blank UsageRow where
  blank = UsageRow blank blank blank blank blank blank blank blank blank blank

instance FromJSON UsageRow where
  parseJSON = withObject "UsageRow" $ \o -> UsageRow
    <$> o ?: "bytes_in"
    <*> o ?: "bytes_out"
    <*> o ?: "cpu_seconds"
    <*> o ?: "day"
    <*> o ?: "gpu_seconds"
    <*> o ?: "job"
    <*> o ?: "memory_byte_seconds"
    <*> o ?: "peer"
    <*> o ?: "peer_name"
    <*> o ?: "tasks"

instance ToJSON UsageRow where
  toJSON v = object $ concat
    [ "bytes_in" =! usageRowBytesIn v
    , "bytes_out" =! usageRowBytesOut v
    , "cpu_seconds" =! usageRowCpuSeconds v
    , "day" =? usageRowDay v
    , "gpu_seconds" =! usageRowGpuSeconds v
    , "job" =? usageRowJob v
    , "memory_byte_seconds" =! usageRowMemoryByteSeconds v
    , "peer" =? usageRowPeer v
    , "peer_name" =? usageRowPeerName v
    , "tasks" =! usageRowTasks v
    ]

data Why = Why
  { whyPeers :: [WhyPeer]
  , whyWaiting :: Int64
  } deriving (Eq, Show)

instance Blank Why where
  blank = Why blank blank

instance FromJSON Why where
  parseJSON = withObject "Why" $ \o -> Why
    <$> o ?: "peers"
    <*> o ?: "waiting"

instance ToJSON Why where
  toJSON v = object $ concat
    [ "peers" =! whyPeers v
    , "waiting" =! whyWaiting v
    ]

data WhyPeer = WhyPeer
  { whyPeerName :: Text
  , whyPeerOk :: Bool
  , whyPeerPeer :: Text
  , whyPeerReason :: Text
  } deriving (Eq, Show)

instance Blank WhyPeer where
  blank = WhyPeer blank blank blank blank

instance FromJSON WhyPeer where
  parseJSON = withObject "WhyPeer" $ \o -> WhyPeer
    <$> o ?: "name"
    <*> o ?: "ok"
    <*> o ?: "peer"
    <*> o ?: "reason"

instance ToJSON WhyPeer where
  toJSON v = object $ concat
    [ "name" =! whyPeerName v
    , "ok" =! whyPeerOk v
    , "peer" =! whyPeerPeer v
    , "reason" =! whyPeerReason v
    ]
