-- | P2PRC from Haskell: one private pool of compute out of the machines people own.
--
-- > import P2PRC
-- > import qualified P2PRC.Routes as Node
-- >
-- > main = do
-- >   node <- connect =<< home
-- >   Node.peers node [] >>= either (print . errorDetail) (mapM_ (print . peerName))
--
-- "P2PRC.Routes" has a function for every route of the API, "P2PRC.Types" every
-- object. A function answers with 'Left' where something went wrong, and never throws
-- for what a node or the way to it did; 'errorKind' is one of a closed list.
module P2PRC
  ( -- * A running node
    connect, home
    -- * A node in this process
  , withNode, Settings (..)
    -- * What both are
  , Client, Error (..), Query, module P2PRC.Kind, module P2PRC.Types, Blank (..), Bytes (..)
    -- * More than one route
  , runJob, makeContainer
  ) where

import Data.IORef
import Data.Text (Text)
import qualified Data.Text as T

import P2PRC.Client (Client, Error (..), Query, broke)
import P2PRC.Json
import P2PRC.Kind
import P2PRC.Library
import P2PRC.Routes (createContainer, job, submitJob, watchJob)
import P2PRC.Socket
import P2PRC.Types

-- | Submits a job and follows it to its end; the function is told how it goes.
-- 'TasksFailed' unless every task is done.
runJob :: Client -> JobSpec -> (Job -> IO ()) -> IO (Either Error JobDetail)
runJob c spec progress = submitJob c spec >>= next (\j ->
  watchJob c (jobId j) (\e -> True <$ mapM_ progress (eventJob e)) >>= next (\() ->
    (>>= ended) <$> job c (jobId j)))

ended :: JobDetail -> Either Error JobDetail
ended j
  | missing > 0 = Left (Error TasksFailed (T.pack (show missing) <> T.pack " tasks are not done: " <> jobDetailReason j) (T.pack "p2prc job show " <> jobDetailId j))
  | otherwise = Right j
  where
    missing = taskCountsTotal counts - taskCountsDone counts
    counts = jobDetailTasks j

-- | Has a peer make a container and waits until it is there.
makeContainer :: Client -> Text -> ContainerSpec -> IO (Either Error Container)
makeContainer c peer spec = do
  made <- newIORef Nothing
  createContainer c peer spec (\e -> maybe (pure True) (\b -> False <$ writeIORef made (Just b)) (containerEventContainer e))
    >>= next (\() -> maybe (Left broke) Right <$> readIORef made)

next :: (a -> IO (Either e b)) -> Either e a -> IO (Either e b)
next = either (pure . Left)
