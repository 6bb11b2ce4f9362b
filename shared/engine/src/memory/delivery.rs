//! Posts kept in memory.

use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use crate::error::Result;
use crate::ports::{Delivery, Post};

/// A channel in memory: posting under a key it has seen is the same post.
#[derive(Debug, Default)]
pub struct MemoryDelivery(Mutex<Vec<Post>>);

impl MemoryDelivery {
    /// All posts, in order.
    pub fn posts(&self) -> Vec<Post> {
        lock(&self.0).clone()
    }
}

#[async_trait]
impl Delivery for MemoryDelivery {
    fn channel(&self) -> &str {
        "memory"
    }

    async fn post(&self, post: &Post) -> Result<String> {
        let mut posts = lock(&self.0);
        let number = posts.iter().position(|earlier| earlier.key == post.key).unwrap_or_else(|| {
            posts.push(post.clone());
            posts.len() - 1
        });
        Ok(number.to_string())
    }
}
