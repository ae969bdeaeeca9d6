//! [`Extensions`]: what the application keeps beside a socket while it is connected: one value of each type, seen by
//! nobody else. What other servers see and what comes back with a recovered client is `data.rs`'s.

use std::{
    any::{Any, TypeId, type_name},
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

type Values = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// Values of the application's own beside a [`Socket`](super::Socket), by their type: a channel, a permit, the handle of
/// a task. They are this server's alone, and go when the disconnect handlers have ended.
///
/// Handlers may take them with [`Extension`](crate::Extension).
///
/// ```
/// use socketio::{Data, Extension, Server, Socket};
/// use tokio::sync::mpsc;
///
/// let io = Server::new();
/// io.of("/")
///     .on_connect(async |socket: Socket| {
///         let (uploads, mut received) = mpsc::channel::<bytes::Bytes>(8);
///         socket.extensions().insert(uploads);
///         tokio::spawn(async move { while let Some(_piece) = received.recv().await {} });
///     })
///     .on("piece", async |Extension(uploads): Extension<mpsc::Sender<bytes::Bytes>>, Data(piece): Data<bytes::Bytes>| {
///         uploads.send(piece).await?;
///         Ok(())
///     });
/// ```
#[derive(Default)]
pub struct Extensions(Mutex<Option<Box<Values>>>);

impl Extensions {
    fn lock(&self) -> MutexGuard<'_, Option<Box<Values>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `value`, in place of one of the same type, which is given back.
    ///
    /// ```
    /// # fn f(socket: socketio::Socket) {
    /// socket.extensions().insert(7_u32);
    /// assert_eq!(socket.extensions().insert(8_u32).as_deref(), Some(&7));
    /// # }
    /// ```
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        let value: Arc<dyn Any + Send + Sync> = Arc::new(value);
        let before = self.lock().get_or_insert_default().insert(TypeId::of::<T>(), value);
        before.and_then(|before| before.downcast().ok())
    }

    /// The value of that type.
    ///
    /// ```
    /// # fn f(socket: socketio::Socket) {
    /// let limit = socket.extensions().get::<u32>().map_or(10, |limit| *limit);
    /// # }
    /// ```
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let value = self.lock().as_ref()?.get(&TypeId::of::<T>()).cloned();
        value?.downcast().ok()
    }

    /// Takes the value of that type out.
    ///
    /// ```
    /// # fn f(socket: socketio::Socket) {
    /// drop(socket.extensions().remove::<u32>());
    /// # }
    /// ```
    pub fn remove<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let value = self.lock().as_mut()?.remove(&TypeId::of::<T>());
        value?.downcast().ok()
    }

    /// The socket has left, and its handlers have been run.
    pub(super) fn clear(&self) {
        let values = self.lock().take();
        // Their destructors are the application's, and run under no lock.
        drop(values);
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.lock().as_ref().map_or(0, |values| values.len());
        write!(f, "{}({count})", type_name::<Self>().rsplit(':').next().unwrap_or_default())
    }
}
