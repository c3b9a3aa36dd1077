{-# LANGUAGE OverloadedStrings #-}
-- | The way over the socket of a running node.
module P2PRC.Socket (connect, home) where

import Control.Exception
import qualified Data.ByteString as B
import qualified Data.Text as T
import Network.HTTP.Client (Manager, brRead, brReadSome, parseRequest_)
import Network.HTTP.Client.Internal (Connection, makeConnection)
import qualified Network.HTTP.Client as H
import Network.HTTP.Types.Status (statusCode)
import qualified Network.Socket as S
import qualified Network.Socket.ByteString as S
import qualified Data.ByteString.Lazy as L
import System.Directory (doesFileExist, getHomeDirectory)
import System.Environment (lookupEnv)
import System.FilePath ((</>))

import P2PRC.Client

-- | The node whose home this is. Nothing is connected yet: where no node runs, each
-- call is 'NotRunning'.
connect :: FilePath -> IO Client
connect dir = do
  let path = dir </> "p2prc.sock"
  manager <- H.newManager H.defaultManagerSettings
    { H.managerRawConnection = pure (\_ _ _ -> open path)
    , H.managerResponseTimeout = H.responseTimeoutNone
    , H.managerRetryableException = const False
    }
  pure (Client (Way (send path manager)))

-- | The usual home: @$P2PRC@ (@.p2prc@ in it, where that is a checkout), else @~/.p2prc@.
home :: IO FilePath
home = lookupEnv "P2PRC" >>= \chosen -> case chosen of
  Just dir | not (null dir) -> do
    checkout <- doesFileExist (dir </> "go.mod")
    pure (if checkout then dir </> ".p2prc" else dir)
  _ -> (</> ".p2prc") <$> getHomeDirectory

open :: FilePath -> IO Connection
open path = do
  s <- S.socket S.AF_UNIX S.Stream S.defaultProtocol
  S.connect s (S.SockAddrUnix path) `onException` S.close s
  makeConnection (S.recv s 65536) (S.sendAll s) (S.close s)

send :: FilePath -> Manager -> Request -> IO (Either Error Answer)
send path manager r = do
  let base = parseRequest_ "http://p2prc"
      (p, q) = B.break (== 63) (target r)
      req = base
        { H.method = method r, H.path = p, H.queryString = q
        , H.requestHeaders = [("Content-Type", content r) | not (B.null (content r))]
        , H.requestBody = H.RequestBodyBS (body r)
        , H.decompress = const False
        }
  got <- try (H.responseOpen req manager)
  case got of
    Left e -> pure (Left (failure path e))
    Right resp
      | statusCode (H.responseStatus resp) < 300 ->
          pure (Right (Answer (next (H.responseBody resp)) (H.responseClose resp)))
      | otherwise -> do
          b <- try (brReadSome (H.responseBody resp) 65536) :: IO (Either H.HttpException L.ByteString)
          H.responseClose resp
          pure (Left (either (const broke) (problem (statusCode (H.responseStatus resp)) . L.toStrict) b))

next :: H.BodyReader -> IO (Either Error B.ByteString)
next b = either (\e -> const (Left broke) (e :: SomeException)) Right <$> try (brRead b)

failure :: FilePath -> H.HttpException -> Error
failure path e = case e of
  H.HttpExceptionRequest _ (H.InternalException inner) | Just io <- fromException inner -> notRunning io
  H.HttpExceptionRequest _ (H.ConnectionFailure _) -> absent
  _ -> broke
  where
    notRunning :: IOException -> Error
    notRunning _ = absent
    absent = Error NotRunning ("no node answers at " <> T.pack path) "start one with: p2prc up"
