{-# LANGUAGE OverloadedStrings #-}
-- An orchestrator: renders frames in batches of a size, looks after each batch which
-- lenders lost tasks, and leaves those out of the next.
--
--   p2prc-orchestrator RENDERER.wasm 240 24
module Main (main) where

import qualified Data.ByteString as B
import Data.Int (Int64)
import Data.Text (Text)
import qualified Data.Text as T
import qualified Data.Text.IO as T
import System.Environment (getArgs)
import System.Exit (exitFailure)

import P2PRC
import qualified P2PRC.Routes as Node

main :: IO ()
main = getArgs >>= \args -> case args of
  [file, frames, size] -> do
    node <- connect =<< home
    renderer <- Node.putBlob node =<< B.readFile file
    either failed (\m -> batches node (blobInfoId m) [] 1 (read frames) (read size)) renderer
  _ -> putStrLn "usage: p2prc-orchestrator RENDERER.wasm FRAMES BATCH" >> exitFailure

batches :: Client -> Text -> [Text] -> Int64 -> Int64 -> Int64 -> IO ()
batches node renderer spared from to size
  | from > to = putStrLn "all frames are done"
  | otherwise = do
      let upto = min to (from + size - 1)
          spec = (blank :: JobSpec)
            { jobSpecModule = renderer
            , jobSpecCommand = ["render", "-frame", "{frame}", "-out", "{frame}.png"]
            , jobSpecEach = [(blank :: Axis) { axisName = "frame", axisFrom = from, axisTo = upto }]
            , jobSpecOutputs = ["*.png"]
            , jobSpecWhere = T.intercalate " && " ["id != \"" <> id' <> "\"" | id' <- spared]
            }
      ended <- runJob node spec (\j -> T.putStrLn (T.pack (show (taskCountsDone (jobTasks j))) <> " of this batch"))
      case ended of
        Left e -> failed e
        Right j -> do
          let lossy = [nodeProgressPeer n | n <- jobDetailNodes j, nodeProgressLost n > 0]
          batches node renderer (spared ++ lossy) (upto + 1) to size

failed :: Error -> IO ()
failed e = T.putStrLn (errorDetail e <> " " <> errorHint e) >> exitFailure
