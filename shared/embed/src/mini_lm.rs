//! The port: a thread that builds the plan and then embeds what it is asked to.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::ports::Embedder;
use tokio::sync::oneshot;

use crate::encoder::Encoder;
use crate::model_file::ModelFile;
use crate::word_piece::WordPiece;

/// Texts, and who waits for their vectors.
struct Job {
    texts: Vec<String>,
    reply: oneshot::Sender<Result<Vec<Vec<f32>>>>,
}

/// Embeds texts by all-MiniLM-L6-v2: the first 256 tokens of each, one after another. Dropped, it finishes the text it is
/// at and ends.
pub struct MiniLm {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Opens the model of a file as a port.
pub fn open(path: &Path) -> Result<Arc<dyn Embedder>> {
    Ok(Arc::new(MiniLm::open(path)?))
}

impl MiniLm {
    /// Maps the file and begins to build the plan; only who embeds waits for it. Errors: `Configuration` if the file is
    /// not there or not such a file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = ModelFile::open(path)?;
        let (jobs, waiting) = channel();
        let thread = std::thread::Builder::new()
            .name("embed".to_owned())
            .spawn(move || serve(&file, &waiting))
            .map_err(|error| {
                Error::new(ErrorKind::Configuration, "the embedder's thread cannot be started").because(error)
            })?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }
}

#[async_trait]
impl Embedder for MiniLm {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let (reply, replied) = oneshot::channel();
        let job = Job { texts: texts.to_vec(), reply };
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(job).map_err(|_| ended())?;
        replied.await.map_err(|_| ended())?
    }
}

impl Drop for MiniLm {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing left to say: every reply is gone by now.
            let _ = thread.join();
        }
    }
}

fn serve(file: &ModelFile, jobs: &Receiver<Job>) {
    let encoder = Encoder::load(file);
    let words = WordPiece::new(file);
    for job in jobs {
        let mut vectors = Ok(Vec::with_capacity(job.texts.len()));
        for text in &job.texts {
            if job.reply.is_closed() {
                break;
            }
            let vector = match &encoder {
                Ok(encoder) => encoder.embed(file, &words.ids(text)),
                Err(error) => Err(error.clone()),
            };
            vectors = vectors.and_then(|mut vectors: Vec<_>| {
                vectors.push(vector?);
                Ok(vectors)
            });
        }
        // Who asked may have gone.
        let _ = job.reply.send(vectors);
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Embedding, "the embedder has ended")
}
