{-# LANGUAGE OverloadedStrings #-}
-- The conformance script (bindings/conformance/SCRIPT.md) in Haskell:
-- p2prc-conformance socket|process
module Main (main) where

import Control.Concurrent (threadDelay)
import Data.Aeson (object, (.=))
import qualified Data.ByteString as B
import Data.IORef
import qualified Data.Text as T
import Data.Text (Text)
import qualified Data.Text.IO as T
import System.Environment (getArgs, getEnv, lookupEnv)
import System.Exit (exitFailure)
import System.IO (stderr)

import P2PRC
import qualified P2PRC.Routes as Node

main :: IO ()
main = getArgs >>= \args -> case args of
  ["socket"] -> getEnv "P2PRC_SOCKET_HOME" >>= connect >>= script
  ["process"] -> do
    library <- getEnv "P2PRC_LIBRARY"
    dir <- getEnv "P2PRC_OWN_HOME"
    let config = object ["name" .= ("own" :: Text), "mdns" .= False, "lend" .= object ["enabled" .= False]]
    withNode library (Settings dir [] config) script >>= must
  _ -> exitFailure

script :: Client -> IO ()
script node = do
  token <- env "P2PRC_TOKEN"
  joined <- must =<< Node.join node (blank { joinRequestToken = token } :: JoinRequest)
  say ["join", joinResultRole joined]

  lender <- env "P2PRC_PEER"
  peers <- untilLends node (600 :: Int)
  say ["list", T.intercalate "," (map peerName peers)]

  file <- B.readFile =<< getEnv "P2PRC_MODULE"
  blob <- must =<< Node.putBlob node file
  seen <- newIORef False
  let spec = (blank :: JobSpec)
        { jobSpecModule = blobInfoId blob, jobSpecCommand = ["task"], jobSpecOn = [lender]
        , jobSpecEach = [(blank :: Axis) { axisName = "n", axisFrom = 1, axisTo = 100 }] }
  job <- must =<< runJob node spec (const (writeIORef seen True))
  progress <- readIORef seen
  say ["job", jobDetailState job, number (taskCountsDone (jobDetailTasks job)) <> "/" <> number (taskCountsTotal (jobDetailTasks job)), "progress", yes progress]

  image <- maybe "" T.pack <$> lookupEnv "P2PRC_IMAGE"
  if T.null image then say ["container", "no", "engine"] else do
    made <- must =<< makeContainer node lender (blank { containerSpecName = "conformance", containerSpecImage = image, containerSpecNeeds = Just (blank { resourcesCpu = 0.25 }) } :: ContainerSpec)
    must =<< Node.removeContainer node (containerName made) []
    left <- must =<< Node.containers node
    say ["container", containerState made, if containerName made `elem` map containerName left then "still there" else "removed"]

  mapped <- must =<< Node.map node (blank { mapSpecPort = 9, mapSpecAny = True } :: MapSpec)
  must =<< Node.unmap node (mappingId mapped)
  mapsLeft <- must =<< Node.mappings node
  say ["map", mappingState mapped, if null mapsLeft then "removed" else "still there"]

  refused <- Node.job node "01J00000000000000000000000"
  case refused of
    Left e | errorKind e == NotFound -> say ["error", "not_found", yes (not (T.null (errorDetail e)))]
    other -> say ["error", T.pack (show (() <$ other))]

  must =<< Node.events node [("follow", "true")] (const (pure False))
  say ["end", "yes"]

untilLends :: Client -> Int -> IO [Peer]
untilLends node tries = do
  peers <- must =<< Node.peers node [("where", "\"wasm\" in runtimes && !self")]
  if not (null peers) || tries == 0 then pure peers else threadDelay 50000 >> untilLends node (tries - 1)

must :: Either Error a -> IO a
must = either (\e -> T.hPutStrLn stderr (errorDetail e <> " " <> errorHint e) >> exitFailure) pure

env :: String -> IO Text
env name = T.pack <$> getEnv name

say :: [Text] -> IO ()
say = T.putStrLn . T.unwords

yes :: Bool -> Text
yes b = if b then "yes" else "no"

number :: Show a => a -> Text
number = T.pack . show
