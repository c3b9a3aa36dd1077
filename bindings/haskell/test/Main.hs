{-# LANGUAGE OverloadedStrings #-}
-- What needs no node: bad answers, broken streams, newer nodes.
module Main (main) where

import Control.Concurrent
import Control.Exception
import Control.Monad (void)
import Data.Aeson
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import Data.IORef
import qualified Network.Socket as S
import qualified Network.Socket.ByteString as S
import System.Directory (createDirectory, getTemporaryDirectory, removeDirectoryRecursive)
import System.FilePath ((</>))
import Test.Hspec

import P2PRC hiding (Error)
import qualified P2PRC as P
import qualified P2PRC.Routes as Node

-- | A node that answers one request with these bytes and hangs up.
answering :: B.ByteString -> (Client -> IO a) -> IO (a, B.ByteString)
answering answer use = do
  tmp <- getTemporaryDirectory
  me <- myThreadId
  let dir = tmp </> ("p2prc-hs-" ++ filter (`elem` ['0' .. '9']) (show me))
  bracket (createDirectory dir) (const (removeDirectoryRecursive dir)) $ \() ->
    bracket (S.socket S.AF_UNIX S.Stream S.defaultProtocol) S.close $ \s -> do
      S.bind s (S.SockAddrUnix (dir </> "p2prc.sock"))
      S.listen s 1
      asked <- newEmptyMVar
      void $ forkIO $ do
        (c, _) <- S.accept s
        putMVar asked =<< S.recv c 65536
        S.sendAll c answer
        S.close c
      got <- connect dir >>= use
      (,) got <$> takeMVar asked

whole :: C.ByteString -> C.ByteString -> C.ByteString
whole status b = "HTTP/1.1 " <> status <> "\r\nContent-Length: " <> C.pack (show (B.length b)) <> "\r\n\r\n" <> b

chunks :: [C.ByteString] -> C.ByteString
chunks rows = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" <> B.concat (map one rows)
  where one r = C.pack (hex (B.length r)) <> "\r\n" <> r <> "\r\n"
        hex n = if n < 16 then [digits !! n] else hex (n `div` 16) ++ [digits !! (n `mod` 16)]
        digits = "0123456789abcdef"

kind :: Either P.Error a -> Either Kind ()
kind = either (Left . errorKind) (const (Right ()))

main :: IO ()
main = hspec $ do
  describe "a call" $ do
    it "ignores what a newer node says more" $ do
      (got, _) <- answering (whole "200 OK" "{\"name\":\"anna\",\"colour\":\"red\",\"lend\":{\"state\":\"open\",\"mood\":1}}") Node.status
      fmap (\s -> (statusName s, lendStatusState (statusLend s))) got `shouldBe` Right ("anna", "open")
    it "gives kinds of errors" $ do
      let refused status b = kind . fst <$> answering (whole status b) Node.status
      refused "403 No" "{\"kind\":\"denied\",\"detail\":\"no\"}" `shouldReturn` Left Denied
      refused "500 Oh" "{\"kind\":\"tired\",\"detail\":\"no\"}" `shouldReturn` Left (Unknown "tired")
      refused "404 No" "<html>" `shouldReturn` Left Unsupported
      refused "200 OK" "{\"id\":" `shouldReturn` Left Corrupt
      refused "200 OK" "[]" `shouldReturn` Left Corrupt
    it "says that no node runs" $
      (connect "/nowhere" >>= fmap kind . Node.status) `shouldReturn` Left NotRunning
    it "does not take half an answer" $
      (kind . fst <$> answering "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{" Node.status) `shouldReturn` Left Unavailable
    it "escapes what it is given" $ do
      (_, asked) <- answering (whole "200 OK" "[]") (\c -> Node.tasks c "a/b" [("state", "done")])
      C.takeWhile (/= '\r') asked `shouldBe` "GET /v1/jobs/a%2Fb/tasks?state=done HTTP/1.1"
  describe "a stream" $ do
    let first = "{\"cursor\":1}\n"
        follow answer = do
          seen <- newIORef []
          (end, _) <- answering answer (\c -> Node.events c [] (\e -> True <$ modifyIORef seen (eventCursor e :)))
          (,) (kind end) . reverse <$> readIORef seen
    it "goes to its end" $ follow (chunks [first, "{\"cursor\":2}\n", ""]) `shouldReturn` (Right (), [1, 2])
    it "tells that the node went away" $ do
      follow (chunks [first]) `shouldReturn` (Left Unavailable, [1])
      follow (chunks [first, "{\"cur", ""]) `shouldReturn` (Left Unavailable, [1])
    it "tells why it ended" $
      follow (chunks [first, "{\"problem\":{\"kind\":\"quota\"}}\n", ""]) `shouldReturn` (Left Quota, [1])
  describe "a value" $
    it "is sent without what it does not say" $ do
      toJSON (blank { axisName = "n", axisTo = 3 } :: Axis) `shouldBe` object ["name" .= String "n", "to" .= Number 3]
      toJSON (blank :: MetaRequest) `shouldBe` object ["text" .= String ""]
