{-# LANGUAGE ForeignFunctionInterface #-}
{-# LANGUAGE OverloadedStrings #-}
-- | A node in this process, by the C library, which is loaded when it is asked for.
-- Programs that use it are built with @-threaded@.
module P2PRC.Library (Settings (..), withNode) where

import Control.Concurrent (runInBoundThread)
import Control.Exception
import Data.Aeson (ToJSON (..), Value (Null), encode, object, (.=))
import qualified Data.ByteString as B
import qualified Data.ByteString.Lazy as L
import qualified Data.ByteString.Unsafe as B
import Data.IORef
import Data.Int (Int32, Int64)
import Data.Text (Text)
import qualified Data.Text as T
import Foreign hiding (new)
import Foreign.C
import System.Posix.DynamicLinker (RTLDFlags (RTLD_NOW), dlopen, dlsym)
import System.Posix.IO (closeFd, fdReadBuf)
import System.Posix.Types (Fd (..))

import P2PRC.Client

-- | What a node is: see p2prc_configure in p2prc.h.
data Settings = Settings
  { settingsHome :: FilePath
  , settingsAgent :: [Text] -- ^ none: the p2prc on PATH or in the home
  , settingsConfig :: Value -- ^ keys of config.json; 'Null': none
  }

instance ToJSON Settings where
  toJSON s = object (concat
    [ ["home" .= settingsHome s]
    , ["agent" .= settingsAgent s | not (null (settingsAgent s))]
    , ["config" .= settingsConfig s | settingsConfig s /= Null]
    ])

type New = Ptr Int64 -> IO Int32
type Configure = Int64 -> CString -> IO Int32
type Number = Int64 -> IO Int32
type Call = Int64 -> CString -> CString -> Ptr CChar -> CSize -> Ptr CString -> Ptr CSize -> IO Int32
type Stream = Int64 -> CString -> CString -> Ptr CChar -> CSize -> Ptr CInt -> IO Int32
type Free = CString -> IO Int32
type Last = IO CString

foreign import ccall safe "dynamic" asNew :: FunPtr New -> New
foreign import ccall safe "dynamic" asConfigure :: FunPtr Configure -> Configure
foreign import ccall safe "dynamic" asNumber :: FunPtr Number -> Number
foreign import ccall safe "dynamic" asCall :: FunPtr Call -> Call
foreign import ccall safe "dynamic" asStream :: FunPtr Stream -> Stream
foreign import ccall safe "dynamic" asFree :: FunPtr Free -> Free
foreign import ccall safe "dynamic" asLast :: FunPtr Last -> Last

data Library = Library
  { new :: New, configure :: Configure, start, end :: Number, call :: Call, stream :: Stream, free' :: Free, lastError :: Last }

-- | Runs a node while the function does, from the library at a path.
withNode :: FilePath -> Settings -> (Client -> IO a) -> IO (Either Error a)
withNode path settings use = do
  loaded <- try (load path)
  case loaded of
    Left e -> pure (Left (Error Unsupported ("the library of P2PRC cannot be loaded: " <> T.pack (show (e :: IOException))) "build it with: make bindings"))
    Right lib -> alloca $ \out -> do
      made <- checked lib (new lib out)
      case made of
        Left e -> pure (Left e)
        Right () -> do
          n <- peek out
          flip finally (end lib n) $ do
            ready <- B.useAsCString (L.toStrict (encode settings)) (checked lib . configure lib n)
            running <- either (pure . Left) (const (checked lib (start lib n))) ready
            either (pure . Left) (const (Right <$> use (Client (Way (send lib n))))) running

load :: FilePath -> IO Library
load path = do
  dl <- dlopen path [RTLD_NOW]
  Library <$> (asNew <$> dlsym dl "p2prc_new") <*> (asConfigure <$> dlsym dl "p2prc_configure")
    <*> (asNumber <$> dlsym dl "p2prc_start") <*> (asNumber <$> dlsym dl "p2prc_close")
    <*> (asCall <$> dlsym dl "p2prc_call") <*> (asStream <$> dlsym dl "p2prc_stream")
    <*> (asFree <$> dlsym dl "p2prc_free") <*> (asLast <$> dlsym dl "p2prc_error")

-- | A call's status, and the words that its thread has for it. Bound threads: both
-- calls must be one operating system thread's.
checked :: Library -> IO Int32 -> IO (Either Error ())
checked lib act = runInBoundThread $ do
  status <- act
  if status == 0 then pure (Right ()) else do
    text <- lastError lib
    words' <- if text == nullPtr then pure "" else B.packCString text <* free' lib text
    let e = problem 500 words'
    pure (Left e { errorKind = kindOfStatus (fromIntegral status) })

send :: Library -> Int64 -> Request -> IO (Either Error Answer)
send lib n r =
  B.useAsCString (method r) $ \m -> B.useAsCString (target r) $ \p -> withBody $ \b size ->
    if goesOn r
      then alloca $ \out -> checked lib (stream lib n m p b size out) >>= either (pure . Left) (const (Right <$> (peek out >>= reading . Fd)))
      else alloca $ \out -> alloca $ \len -> checked lib (call lib n m p b size out len) >>= either (pure . Left) (const (Right <$> whole out len))
  where
    withBody use
      | B.null (content r) = use nullPtr 0
      | otherwise = B.unsafeUseAsCStringLen (body r <> "\0") $ \(b, size) -> use b (fromIntegral size - 1)
    whole out len = do
      text <- peek out
      size <- peek len
      got <- B.packCStringLen (text, fromIntegral size)
      _ <- free' lib text
      left <- newIORef got
      pure (Answer (Right <$> atomicModifyIORef' left (\b -> (B.empty, b))) (pure ()))

-- | A stream's descriptor. Reading is a safe call of its own, so others go on meanwhile.
reading :: Fd -> IO Answer
reading fd = pure (Answer next (closeFd fd))
  where
    next = either (\e -> const (Left broke) (e :: IOException)) Right <$> try some
    some = allocaBytes 65536 $ \buffer -> fdReadBuf fd buffer 65536 >>= \n -> B.packCStringLen (castPtr buffer, fromIntegral n)
