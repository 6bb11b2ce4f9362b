//! What the limiter on Redis is measured and tried with: a real Valkey, several processes, and schedules that try to get more.

#[cfg(test)]
mod tests;
