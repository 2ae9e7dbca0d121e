package imagepipeline.coil

import coil3.ImageLoader
import coil3.decode.DataSource
import coil3.decode.ImageSource
import coil3.fetch.FetchResult
import coil3.fetch.Fetcher
import coil3.fetch.SourceFetchResult
import coil3.key.Keyer
import coil3.request.Options
import imagepipeline.ThumbHash
import okio.Buffer

/**
 * Coil 3 fetcher of a [ThumbHash]: `AsyncImage(model = ThumbHash(image.placeholder.thumbhash), ...)`. It returns a PNG,
 * which Coil decodes, so it needs no class of Android and runs on the JVM as well. An app registers [Factory] and
 * [ThumbHashKeyer] as components of its `ImageLoader`.
 */
class ThumbHashFetcher(private val hash: ThumbHash, private val options: Options) : Fetcher {
    override suspend fun fetch(): FetchResult {
        val source = ImageSource(Buffer().write(hash.png()), options.fileSystem)
        return SourceFetchResult(source, "image/png", DataSource.MEMORY)
    }

    /** Creates fetchers of [ThumbHash]es. */
    class Factory : Fetcher.Factory<ThumbHash> {
        override fun create(data: ThumbHash, options: Options, imageLoader: ImageLoader): Fetcher =
            ThumbHashFetcher(data, options)
    }
}

/** Key of a [ThumbHash] in Coil's memory cache. */
class ThumbHashKeyer : Keyer<ThumbHash> {
    override fun key(data: ThumbHash, options: Options): String = "thumbhash:${data.base64}"
}
